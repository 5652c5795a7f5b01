"""Routes and start of the registry."""

from functools import partial
from typing import Any

from pyramid.config import Configurator

from mlserve.api.context import ApiContext, ModelContext
from mlserve.api.cornice import add_resource
from mlserve.api.resources import Resource
from mlserve.application import Application
from mlserve.observability.health import Degraded
from mlserve.registry.alias_resources import AliasesResource, AliasResource, HistoryResource
from mlserve.registry.declared import load_declared
from mlserve.registry.event_resources import EventsResource, FeedResource, ModelFeedResource
from mlserve.registry.past import PastVersions, load_past
from mlserve.registry.requests import NamedContext
from mlserve.registry.resources import ModelsResource, OneModelResource
from mlserve.registry.version_resources import RetirementResource, VersionResource, VersionsResource

# What each model has in the registry, under `/api/v1/models/{model}`.
RESOURCES: dict[str, tuple[str, type[Resource]]] = {
    "versions": ("/versions", VersionsResource),
    "version": ("/versions/{number}", VersionResource),
    "version_retirement": ("/versions/{number}/retirement", RetirementResource),
    "aliases": ("/aliases", AliasesResource),
    "alias": ("/aliases/{alias}", AliasResource),
    "history": ("/history", HistoryResource),
    "model_events": ("/events.atom", ModelFeedResource),
}
# What is of all models, under `/api/v1`.
OF_ALL: dict[str, tuple[str, type[Resource]]] = {
    "models": ("/models", ModelsResource),
    "events": ("/events", EventsResource),
    "events_feed": ("/events.atom", FeedResource),
}


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    for name, (path, resource) in OF_ALL.items():
        add_resource(config, name, "/api/v1" + path, resource, factory=ApiContext)
    add_resource(config, "model", "/api/v1/models/{model}", OneModelResource, factory=ModelContext)
    for name, (suffix, resource) in RESOURCES.items():
        add_resource(config, name, "/api/v1/models/{model}" + suffix, resource, factory=NamedContext)
    application.health.add("models", partial(_check_models, application))
    # Before the first model is loaded, so that a start which fails at the second closes the first.
    application.at_start(lambda: application.at_stop(application.live.close))
    application.at_start(partial(load_declared, application))
    application.at_start(partial(_watch, application))
    application.at_start(partial(_open_past, application))


def _open_past(application: Application) -> None:
    application.past = PastVersions(partial(load_past, application))
    application.at_stop(application.past.close)


def _watch(application: Application) -> None:
    if application.serves:  # A command answers with what it has begun with.
        application.registry.start()
        application.at_stop(application.registry.stop)


def _check_models(application: Application) -> dict[str, Any]:
    """Failed while a model that has a champion cannot answer; degraded while an alias leads to another version than it
    names, or the registry cannot be asked."""
    models = list(application.live)
    detail: dict[str, Any] = {"models": {model.name: model.state for model in models}}
    failed = {
        model.name: {str(number): status.state for number, status in model.statuses.items() if status.state == "failed"}
        for model in models
    }
    failed = {name: versions for name, versions in failed.items() if versions}
    if failed:
        detail["versions"] = failed
    if application.stale_since is not None:
        detail["stale_since"] = application.stale_since
    if any(model.state in ("failed", "loading") for model in models):
        raise RuntimeError(detail)
    if len(detail) > 1:
        raise Degraded(detail)
    return detail
