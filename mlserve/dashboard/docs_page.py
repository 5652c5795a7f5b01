"""The interactive description of the API: `/docs` of all models, `/models/{model}/docs` of one.

Swagger UI shows the OpenAPI document where the browser runs scripts; for all others the page lists the operations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from pyramid.config import Configurator
from pyramid.response import Response

from mlserve.api.context import ApiContext, ModelContext
from mlserve.api.cornice import VERBS
from mlserve.api.methods import only
from mlserve.api.openapi.resources import start_of
from mlserve.auth.guard import Need, guarded
from mlserve.auth.roles import OBSERVE
from mlserve.dashboard.contexts import HTML
from mlserve.dashboard.page import page
from mlserve.inference import LiveModel

# With more tags than this, all begin folded.
MOST_UNFOLDED = 3


@dataclass(frozen=True)
class Listed:
    """One operation in the list that needs no script."""

    verb: str
    path: str
    summary: str


def includeme(config: Configurator) -> None:
    config.registry.mlserve.own_addresses.add("/docs")
    for route, path, context, view in (
        ("dashboard.docs", "/docs", ApiContext, docs),
        ("dashboard.model_docs", "/models/{model}/docs", ModelContext, model_docs),
    ):
        config.add_route(route, path, factory=guarded(partial(context, offers=(HTML,)), Need(OBSERVE)))
        config.add_view(view, route_name=route, request_method="GET", require_csrf=False)
        config.add_view(only("GET"), route_name=route, require_csrf=False)


def docs(request: Any) -> Response:
    """The API of all models, and of the server."""
    return _page(request, None, request.route_path("openapi"))


def model_docs(request: Any) -> Response:
    """The API of one model."""
    model = request.context.model
    return _page(request, model, request.route_path("model.openapi", model=model.name))


def operations(document: Mapping[str, Any]) -> dict[str, list[Listed]]:
    """The operations of an OpenAPI document by their first tag, in its order; paths as the caller sees them."""
    start = document["servers"][0]["url"].rstrip("/")
    found: dict[str, list[Listed]] = {}
    for path, item in document["paths"].items():
        for verb in VERBS:
            if verb in item:
                tag = next(iter(item[verb].get("tags", ())), "")
                found.setdefault(tag, []).append(Listed(verb.upper(), start + path, item[verb].get("summary", "")))
    return found


def _page(request: Any, model: LiveModel | None, address: str) -> Response:
    document = msgspec.json.decode(request.mlserve.documents.get(model, start_of(request)).content)
    listed = operations(document)
    title = "API" if model is None else f"API of {model.name}"
    unfolded = len(listed) <= MOST_UNFOLDED
    return page(request, "docs.jinja2", title=title, model=model, address=address, listed=listed, unfolded=unfolded)
