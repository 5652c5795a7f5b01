"""Routes and start of the registry."""

from functools import partial

from pyramid.config import Configurator

from mlserve.api.context import ApiContext, ModelContext
from mlserve.api.cornice import add_resource
from mlserve.api.resources import Resource
from mlserve.application import Application
from mlserve.events.resources import EventsResource, FeedResource, ModelFeedResource
from mlserve.part import Part
from mlserve.registry.alias_resources import AliasesResource, AliasResource, HistoryResource
from mlserve.registry.declared import load_declared
from mlserve.registry.past import PastVersions, load_past
from mlserve.registry.readiness import check_models
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
    if application.part is Part.BACKGROUND:  # It answers nobody, and loads no model.
        return
    application.health.add("models", partial(check_models, application))
    # Before the first model is loaded, so that a start which fails at the second closes the first.
    application.at_start(lambda: application.at_stop(application.live.close))
    application.at_start(partial(load_declared, application))
    application.at_start(partial(_watch, application))
    application.at_start(partial(_open_past, application))


def _open_past(application: Application) -> None:
    late = application.settings["mlserve.load.patience"]
    application.past = PastVersions(partial(load_past, application), late=late, turns=application.turns)
    application.at_stop(application.past.close)


def _watch(application: Application) -> None:
    if application.part.answers:  # A command answers with what it has begun with.
        application.registry.start()
        application.at_stop(application.registry.stop)
