"""Logging in and out: `/login` and `/logout`. Both are forms, and work without scripts."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import colander
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.traversal import DefaultRootFactory

from mlserve.api.methods import only
from mlserve.api.problems import domain_problem
from mlserve.api.query import read_query
from mlserve.auth.guard import Need, guarded, own_policy
from mlserve.auth.refusals import Refusal
from mlserve.auth.roles import NONE
from mlserve.dashboard import csrf
from mlserve.dashboard.model_views import read_form
from mlserve.dashboard.page import page, protect
from mlserve.errors import Forbidden, MlserveError

WRONG = "This name and this password do not belong together."
# An address on this server: it begins with one slash, which browsers take no backslash for.
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}").fullmatch
_Query = colander.MappingSchema(colander.SchemaNode(colander.String(), name="next", missing=""))


def includeme(config: Configurator) -> None:
    config.registry.mlserve.own_addresses.add("/login", "/logout")
    for route, path, allowed in (
        ("dashboard.login", "/login", {"GET": login, "POST": log_in}),
        ("dashboard.logout", "/logout", {"POST": log_out}),
    ):
        config.add_route(route, path, factory=guarded(DefaultRootFactory, Need(NONE)))
        for verb, view in allowed.items():
            config.add_view(view, route_name=route, request_method=verb, require_csrf=False)
        config.add_view(only(*allowed), route_name=route, require_csrf=False)


def login(request: Any) -> Response:
    """The form; whoever has a session, and whoever needs none, goes on. Raises Unreadable."""
    wanted = read_query(request.environ, _Query)["next"]
    policy = own_policy(request.registry)
    if policy is None or policy.identity(request) is not None:
        return _see_other(_next(request, wanted))
    return _page(request, wanted)


def log_in(request: Any) -> Response:
    """Begin a session and go to `next`; what is wrong is told above the form."""
    posted = read_form(request, 10)
    wanted, name = posted.get("next", ""), posted.get("name", "")
    policy = own_policy(request.registry)
    if policy is None:
        return _see_other(_next(request, wanted))
    try:
        csrf.check(request, posted.get(csrf.FIELD, ""))
        address = request.environ.get("REMOTE_ADDR", "")
        known = policy.access.logins.log_in(name, posted.get("password", ""), address)
    except MlserveError as error:
        problem = domain_problem(error, request)
        headers = [(key, value) for key, value in problem.headerlist if key == "Retry-After"]
        return _page(request, wanted, name=name, fault=error.detail, status=problem.status_int, headers=headers)
    if known is None:
        policy.access.refusals.note(_failed(request, address))
        return _page(request, wanted, name=name, fault=WRONG, status=403)
    csrf.renew(request)
    return _see_other(_next(request, wanted), *policy.remember(request, known.name, generation=known.generation))


def log_out(request: Any) -> Response:
    """End the session of this browser. Raises Unreadable for a form that is not of this server."""
    csrf.check(request, read_form(request, 10).get(csrf.FIELD, ""))
    policy = own_policy(request.registry)
    headers = [] if policy is None else policy.forget(request)
    return _see_other(request.route_path("dashboard.login" if policy else "dashboard.models"), *headers)


def to_login(request: Any) -> Response:
    """Send a browser to the form, and from there back; htmx, which would show the form inside the page, goes there."""
    environ = request.environ
    script = "HTTP_HX_REQUEST" in environ
    back = environ.get("HTTP_HX_CURRENT_URL", "") if script else request.path_qs
    # The page that a form stands on has its address; htmx tells the whole URL.
    back = re.sub(r"^https?://[^/]+", "", back)
    address = request.route_path("dashboard.login") + (f"?{urlencode({'next': back})}" if _PATH(back) else "")
    if script:
        return protect(Response(status=401, headerlist=[("HX-Redirect", address)]))
    return _see_other(address)


def _failed(request: Any, address: str) -> Refusal:
    """What is written down of it. The name is not: people type their password there."""
    told = {"code": Forbidden.code, "needs": "login", "method": "POST", "route": "/login", "address": address}
    return Refusal(f"address:{address}", WRONG, None, told, request.request_id, datetime.now(UTC))


def _page(
    request: Any,
    wanted: str,
    *,
    name: str = "",
    fault: str = "",
    status: int = 200,
    headers: list[tuple[str, str]] | None = None,
) -> Response:
    return page(
        request,
        "login.jinja2",
        status=status,
        headers=headers or (),
        wanted=wanted if _PATH(wanted) else "",
        name=name,
        fault=fault,
        token=csrf.token(request),
    )


def _next(request: Any, wanted: str) -> str:
    """Where to go after a login: an address of these pages, whatever a link to the form has said."""
    start = request.route_path("dashboard.models")
    return wanted if _PATH(wanted) and wanted.startswith(start) else start


def _see_other(address: str, *headers: tuple[str, str]) -> Response:
    return protect(Response(status=303, headerlist=[("Location", address), *headers]))
