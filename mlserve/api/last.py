"""The last routes: what a model's address answers when no family's resource did."""

from typing import Any

from pyramid.config import Configurator

from mlserve.api.context import ModelContext
from mlserve.api.problems import NoSuchResource


def includeme(config: Configurator) -> None:
    config.add_route("mlserve.last", "/api/v1/models/{model}/{rest:.*}", factory=ModelContext)
    config.add_view(nothing_here, route_name="mlserve.last", require_csrf=False)


def nothing_here(context: ModelContext, request: Any) -> Any:
    """An unknown model has raised its own problem in the factory; a known one has no such resource."""
    raise NoSuchResource(f"Model {context.model.name}, of family {context.model.family}, has no such resource.")
