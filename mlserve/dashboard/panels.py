"""Shows the panels that plugins add to the page of a model."""

import logging
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from mlserve.api.panels import Panel
from mlserve.dashboard.page import render
from mlserve.errors import ModelNotReady
from mlserve.inference import LiveModel
from mlserve.types import application_of

log = logging.getLogger("mlserve.dashboard")


@dataclass(frozen=True)
class ShownPanel:
    """`content` is None where the panel failed."""

    name: str
    content: Markup | None


def shown(request: Any, model: LiveModel) -> list[ShownPanel]:
    """The panels of a model, in order of their registration. One that fails takes nothing else with it.

    One that needs a version that answers, where there is none, is not shown.
    """
    panels = application_of(request).panels.values()
    made = [_shown(request, model, panel) for panel in panels if panel.family in (None, model.family)]
    return [panel for panel in made if panel is not None]


def _shown(request: Any, model: LiveModel, panel: Panel) -> ShownPanel | None:
    try:
        values = panel.view(request, model)
        if values is None:
            return None
        # The template has escaped what it shows.
        return ShownPanel(panel.name, Markup(render(request, panel.template, **{"model": model, **values})))
    except ModelNotReady:
        return None
    except Exception as failure:
        fields = {"panel": panel.name, "model": model.name}
        log.error("panel_failed", extra={"fields": fields}, exc_info=failure)
        return ShownPanel(panel.name, None)
