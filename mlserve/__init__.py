"""mlserve packages and serves machine-learning models: a Pyramid application made of a small core and plugins."""

from typing import TYPE_CHECKING, Any

from mlserve._version import __version__

if TYPE_CHECKING:  # Importing a pure package of mlserve, such as mlserve.signature, loads no web framework.
    from pyramid.config import Configurator

__all__ = ["__version__", "includeme", "main"]


def main(global_config: dict[str, str], **settings: str) -> Any:
    """The WSGI application (`paste.app_factory`): reads the settings, builds the application and starts it.

    A mistake in the settings ends the process with one sentence.
    """
    from mlserve.auth.exposure import refuse_open_ini
    from mlserve.part import PART_KEY, Part
    from mlserve.startup import build, looks_only, one_sentence, start

    with one_sentence():
        part = Part(global_config.get(PART_KEY, Part.SERVER))
        config = build(settings, here=global_config.get("here"), part=part)
        app = config.make_wsgi_app()
        if not looks_only(global_config):
            refuse_open_ini(config.registry.mlserve.settings, global_config)
            start(config.registry.mlserve)
    return app


def includeme(config: "Configurator") -> None:
    """What the application is made of, in the order in which the parts need each other."""
    config.include("mlserve.startup")  # the settings, and `registry.mlserve`, which owns all the rest
    config.include("mlserve.api.cornice")  # how resources are declared
    config.include("mlserve.api")  # the HTTP edge: what is true of every request
    config.include("mlserve.directives")  # the plugin contract
    config.include("mlserve.plugins")  # the plugins that the INI enables; their routes are tried first
    config.include("mlserve.db.wiring")  # the database and its migrations
    config.include("mlserve.auth.wiring")  # who may do what
    config.include("mlserve.observability.metrics.wiring")  # /metrics; before what it measures, to stop after it
    config.include("mlserve.webhooks.wiring")  # who is told what happens; before the registry, which makes it happen
    config.include("mlserve.predictions.wiring")  # the log, kept predictions and actuals
    config.include("mlserve.registry.wiring")  # models, versions, aliases, and what answers by them
    config.include("mlserve.api.health")  # is it alive, is it ready
    config.include("mlserve.api.openapi")  # what every live model takes and answers, in one document
    config.include("mlserve.dashboard")  # the pages for people
    config.include("mlserve.api.last")  # what answers when no model of any family does
