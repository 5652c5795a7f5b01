"""Routes and start of the registry."""

from functools import partial
from typing import Any

from pyramid.config import Configurator

from mlserve.api.context import ApiContext, ModelContext
from mlserve.api.cornice import add_resource
from mlserve.application import Application
from mlserve.errors import DatabaseUnavailable
from mlserve.observability.health import Degraded
from mlserve.registry.declared import confirm, load_declared
from mlserve.registry.past import PastVersions, load_past
from mlserve.registry.resources import ModelsResource, OneModelResource


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    add_resource(config, "models", "/api/v1/models", ModelsResource, factory=ApiContext)
    add_resource(config, "model", "/api/v1/models/{model}", OneModelResource, factory=ModelContext)
    application.health.add("models", partial(_check_models, application))
    # Before the first model is loaded, so that a start which fails at the second closes the first.
    application.at_start(lambda: application.at_stop(application.live.close))
    application.at_start(partial(load_declared, application))
    application.at_start(partial(_open_past, application))


def _open_past(application: Application) -> None:
    application.past = PastVersions(partial(load_past, application))
    application.at_stop(application.past.close)


def _check_models(application: Application) -> dict[str, Any]:
    states = {model.name: model.state for model in application.live}
    if any(state != "ready" for state in states.values()):
        raise RuntimeError({"models": states})
    if application.stale_since is not None:
        _check_numbers(application, states)
    return {"models": states}


def _check_numbers(application: Application, states: dict[str, str]) -> None:
    """The numbers come from the snapshot; they are believed once the database says the same."""
    detail: dict[str, Any] = {"models": states, "stale_since": application.stale_since}
    try:
        wrong = confirm(application)
    except DatabaseUnavailable:
        raise Degraded(detail) from None
    if wrong:
        raise Degraded(
            {**detail, "reason": "the database knows these models by other numbers: restart", "found": wrong}
        )
