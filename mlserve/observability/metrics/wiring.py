"""`/metrics`, and the start of measuring."""

from functools import partial
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response

from mlserve.api.operations import Operation
from mlserve.api.views import add_read_view
from mlserve.application import Application
from mlserve.observability.metrics.exposition import render
from mlserve.observability.metrics.gauges import read_gauges
from mlserve.observability.metrics.measures import Measures
from mlserve.observability.metrics.recorder import NullRecorder, Recorder
from mlserve.observability.metrics.snapshot import Snapshot
from mlserve.part import Part
from mlserve.types import application_of

_TEXT = {"type": "string"}
METRICS = Operation(
    summary="Metrics for Prometheus",
    answer=None,
    media={"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
)


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    add_read_view(config, "mlserve.metrics", "/metrics", metrics, METRICS)
    application.at_start(partial(_start, application))


def metrics(request: Any) -> Response:
    """What all processes of this host have measured; answered from memory and their slot files."""
    snapshot = application_of(request).recorder.collect()
    body, media_type = render(snapshot, request.environ.get("HTTP_ACCEPT", ""))
    return Response(body, headerlist=[("Content-Type", media_type), ("Content-Length", str(len(body)))])


def _start(application: Application) -> None:
    if (inherited := getattr(application, "recorder", None)) is not None:
        inherited.disown()
    application.metrics = Measures(application.counters)
    folder, interval = application.var / "metrics", application.settings["mlserve.metrics.interval"]
    if application.part is not Part.COMMAND:
        application.recorder = Recorder(folder, partial(_read, application), interval)
    else:
        application.recorder = NullRecorder(folder)
    application.recorder.start()
    application.at_stop(application.recorder.stop)


def _read(application: Application) -> Snapshot:
    for model in application.live:
        for version in model.versions:
            application.metrics.expect(version.lineage)
    measured = application.metrics.read()
    return Snapshot(counters=measured.counters, histograms=measured.histograms, gauges=read_gauges(application))
