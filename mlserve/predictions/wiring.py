"""Routes and start of the prediction resource and its log."""

import os
import socket
from functools import partial

from pyramid.config import Configurator

from mlserve.api.context import ModelContext
from mlserve.api.cornice import add_resource
from mlserve.api.resources import Resource
from mlserve.application import Application
from mlserve.part import Part
from mlserve.predictions.explaining import Explaining
from mlserve.predictions.explanations import ExplanationsResource, PredictionExplanationResource
from mlserve.predictions.family_tables import FamilyTables
from mlserve.predictions.log import open_log
from mlserve.predictions.one_at_a_time import OneAtATime
from mlserve.predictions.reports import ReportReader
from mlserve.predictions.reproducing import Reproducing
from mlserve.predictions.reproductions import ReproductionResource
from mlserve.predictions.resources import (
    ActualsResource,
    AliasPredictionsResource,
    BulkActualsResource,
    PredictionResource,
    VersionPredictionsResource,
)
from mlserve.predictions.service import PredictionService
from mlserve.predictions.shipper import Shipper
from mlserve.predictions.spool.gauge import SpoolGauge, late_after
from mlserve.registry.past import using_version
from mlserve.registry.signatures import signature_of

# Resources that each model has, whatever its family, under `/api/v1/models/{model}`.
RESOURCES: dict[str, tuple[str, type[Resource]]] = {
    "prediction": ("/predictions/{id}", PredictionResource),
    "prediction_actuals": ("/predictions/{id}/actuals", ActualsResource),
    "prediction_explanation": ("/predictions/{id}/explanation", PredictionExplanationResource),
    "prediction_reproduction": ("/predictions/{id}/reproduction", ReproductionResource),
    "actuals": ("/actuals", BulkActualsResource),
    "explanations": ("/explanations", ExplanationsResource),
    "alias_predictions": ("/aliases/{alias}/predictions", AliasPredictionsResource),
    "version_predictions": ("/versions/{number}/predictions", VersionPredictionsResource),
}


def includeme(config: Configurator) -> None:
    for name, (suffix, resource) in RESOURCES.items():
        add_resource(config, name, "/api/v1/models/{model}" + suffix, resource, factory=ModelContext)
    application = config.registry.mlserve
    application.at_start(partial(_start, application))


def _start(application: Application) -> None:
    settings = application.settings
    folder = application.var / "spool"
    tables = FamilyTables(application.prediction_tables, application.database.dialect)
    interval = settings["mlserve.shipper.interval"]
    ships = settings["mlserve.shipper.enabled"] and application.part is not Part.WORKER
    if ships:
        shipper = Shipper(
            folder,
            application.database,
            interval=interval,
            batch=settings["mlserve.shipper.batch"],
            keep=settings["mlserve.spool.keep"],
            counters=application.counters,
            tables=tables,
        )
        shipper.start()
        application.at_stop(partial(shipper.stop, settings["mlserve.spool.shutdown_grace"]))
        application.health.add("shipper", shipper.state)
    log = open_log(
        settings["mlserve.log.way"],
        application.database,
        folder,
        tables=tables,
        segment_size=settings["mlserve.spool.segment_size"],
        answer_unkept=settings["mlserve.log.unwritable"] == "answer",
        counters=application.counters,
        gauge=None if ships else SpoolGauge(folder, application.database, late_after(interval)),
        turns=application.turns,
    )
    application.at_stop(log.close)  # Before the shipper stops: it drains what the log has written.
    application.health.add("log", log.state)
    worker = f"{socket.gethostname()}:{os.getpid()}"
    using = partial(using_version, application)
    turns = application.turns
    explaining = Explaining(application.limits, application.metrics, tables=tables, using=using, turns=turns)
    application.serving = PredictionService(
        log,
        explaining,
        application.limits,
        worker,
        application.metrics,
        block_from=settings["mlserve.log.block_from"],
        turns=turns,
    )
    application.reports = ReportReader(application.limits, partial(signature_of, application))
    application.reproducing = Reproducing(using, stored=log.explanation, explain=explaining.of_kept, turns=turns)
    application.one_table = OneAtATime("Other tables are being made; try again.", turns)
