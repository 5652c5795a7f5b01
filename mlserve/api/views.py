"""Addresses that a plain view answers, beside the REST resources: declared here, and described like those."""

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.traversal import DefaultRootFactory

from mlserve.api.methods import only
from mlserve.api.operations import Operation
from mlserve.auth.guard import Need, guarded, needs_of
from mlserve.auth.roles import NONE

# Where the OpenAPI document finds them: introspectables by the name of their route.
CATEGORY = "mlserve views"


def add_read_view(
    config: Configurator,
    name: str,
    path: str,
    view: Callable[[Any], Any],
    operation: Operation,
    *,
    renderer: str | None = None,
) -> None:
    """Give an address of our own a view that is only read, with what it answers; `name` is its route's."""
    config.registry.mlserve.own_addresses.add(path)
    # What is open to all is open with every verb: the wrong one is 405, not 401.
    needs = Need(NONE) if operation.needs == NONE else needs_of({"get": operation})
    config.add_route(name, path, factory=guarded(DefaultRootFactory, needs))
    config.add_view(view, route_name=name, request_method="GET", renderer=renderer, require_csrf=False)
    config.add_view(only("GET"), route_name=name, require_csrf=False)
    introspectable = config.introspectable(CATEGORY, name, name, "view")
    introspectable["operation"] = operation
    config.action(("mlserve view", name), None, introspectables=(introspectable,))
