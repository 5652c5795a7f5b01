"""The last routes: what a model's address answers when no family's resource did."""

from typing import Any

from pyramid.config import Configurator

from mlserve.api.context import ModelContext
from mlserve.api.negotiation import PROBLEM
from mlserve.api.problems import NoSuchResource
from mlserve.auth.guard import guarded
from mlserve.types import application_of


def includeme(config: Configurator) -> None:
    config.add_route("mlserve.last", "/api/v1/models/{model}/{rest:.*}", factory=guarded(LastContext, {}))
    config.add_view(nothing_here, route_name="mlserve.last", require_csrf=False)


class LastContext(ModelContext):
    """The model of the path. The answer is a problem, whatever the caller takes. Raises ModelUnknown."""

    def __init__(self, request: Any) -> None:
        self.media_type = PROBLEM
        self.model = application_of(request).live.get(request.matchdict["model"])


def nothing_here(context: ModelContext, request: Any) -> Any:
    """An unknown model has raised its own problem in the factory; a known one has no such resource."""
    raise NoSuchResource(f"Model {context.model.name}, of family {context.model.family}, has no such resource.")
