"""`/metrics`, and the start of measuring."""

from functools import partial
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPMethodNotAllowed
from pyramid.response import Response

from mlserve.application import Application
from mlserve.observability.metrics.exposition import render
from mlserve.observability.metrics.gauges import read_gauges
from mlserve.observability.metrics.measures import Measures
from mlserve.observability.metrics.recorder import Recorder
from mlserve.observability.metrics.snapshot import Snapshot
from mlserve.types import application_of


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    application.own("/metrics")
    config.add_route("mlserve.metrics", "/metrics")
    config.add_view(metrics, route_name="mlserve.metrics", request_method="GET", require_csrf=False)
    config.add_view(only_read, route_name="mlserve.metrics", require_csrf=False)
    application.at_start(partial(_start, application))


def metrics(request: Any) -> Response:
    """What all processes of this host have measured; answered from memory and their slot files."""
    snapshot = application_of(request).recorder.collect()
    body, media_type = render(snapshot, request.environ.get("HTTP_ACCEPT", ""))
    return Response(body, headerlist=[("Content-Type", media_type), ("Content-Length", str(len(body)))])


def only_read(request: Any) -> Any:
    raise HTTPMethodNotAllowed(headers={"Allow": "GET, HEAD"})


def _start(application: Application) -> None:
    if (inherited := getattr(application, "recorder", None)) is not None:
        inherited.disown()
    application.metrics = Measures(application.counters)
    application.recorder = Recorder(
        application.var / "metrics", partial(_read, application), application.settings["mlserve.metrics.interval"]
    )
    application.recorder.start()
    application.at_stop(application.recorder.stop)


def _read(application: Application) -> Snapshot:
    for model in application.live:
        if model.champion is not None:
            application.metrics.expect(model.champion.lineage)
    measured = application.metrics.read()
    return Snapshot(counters=measured.counters, histograms=measured.histograms, gauges=read_gauges(application))
