"""A plugin that adds panels to the pages of models, good and bad ones, and puts a template in place of the core's."""

from typing import Any

from pyramid.config import Configurator

from mlserve.inference import LiveModel

MLSERVE_API = (1, 0)


def includeme(config: Configurator) -> None:
    config.add_model_panel("inputs", template="mlserve_pages:templates/panel.jinja2", view=count)
    config.add_model_panel("broken view", template="mlserve_pages:templates/panel.jinja2", view=fail)
    config.add_model_panel("broken template", template="mlserve_pages:templates/broken.jinja2", view=count)
    config.add_model_panel("silent", template="mlserve_pages:templates/panel.jinja2", view=lambda request, model: None)
    config.override_asset(
        to_override="mlserve:dashboard/templates/error.jinja2",
        override_with="mlserve_pages:templates/error.jinja2",
    )


def count(request: Any, model: LiveModel) -> dict[str, Any]:
    return {"text": f"<b>{len(model.loaded().signature.inputs)}</b> inputs"}


def fail(request: Any, model: LiveModel) -> dict[str, Any]:
    raise ZeroDivisionError("secret of the panel")
