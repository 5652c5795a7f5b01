"""Failures as pages, for people: the same problem that the API would answer, told in HTML."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPException
from pyramid.response import Response
from webob.acceptparse import create_accept_header

from mlserve.api.negotiation import JSON, PROBLEM
from mlserve.api.problems import NOTHING_HERE, domain_problem, encoding_problem, http_problem, internal_problem
from mlserve.auth.guard import own_policy
from mlserve.dashboard.contexts import HTML
from mlserve.dashboard.login import to_login
from mlserve.dashboard.page import page
from mlserve.errors import MlserveError, Unauthenticated
from mlserve.types import application_of

log = logging.getLogger("mlserve.dashboard")

Problem = Callable[[Any, Any], Response]


def includeme(config: Configurator) -> None:
    if (policy := config.registry.mlserve.policy) is not None:
        policy.shows_login = reads_pages
    config.add_view_predicate("mlserve_page", "mlserve.dashboard.errors.PagePredicate")
    for context, problem in (
        (MlserveError, domain_problem),
        (HTTPException, http_problem),
        (UnicodeDecodeError, encoding_problem),
        (Exception, internal_problem),
    ):
        config.add_exception_view(as_page(problem), context=context, mlserve_page=True)
    config.add_notfound_view(as_page(http_problem), mlserve_page=True)
    config.add_forbidden_view(as_page(http_problem), mlserve_page=True)


class PagePredicate:
    """View predicate: the address is a page's, ours, and who asks for it reads HTML."""

    def __init__(self, value: bool, config: Configurator) -> None:
        self.value = value

    def text(self) -> str:
        return f"mlserve_page = {self.value}"

    phash = text

    def __call__(self, context: Any, request: Any) -> bool:
        return reads_pages(request) == self.value


def reads_pages(request: Any) -> bool:
    """Whether a failure of this request is told as a page; a program that names no type gets problem+json."""
    application = application_of(request)
    path = request.environ.get("PATH_INFO", "/")
    own = application.own_addresses
    programs = tuple(f"{own.prefix}/{name}" for name in ("api/", "health/", "metrics", "static/"))
    if path not in own or path.startswith(programs) or own.claim_of(path) is not None:
        return False
    if "HTTP_HX_REQUEST" in request.environ:
        return True
    accepted = create_accept_header(request.environ.get("HTTP_ACCEPT", "*/*")).acceptable_offers([JSON, HTML])
    return bool(accepted) and accepted[0][0] == HTML


def as_page(problem_of: Problem) -> Problem:
    """The exception view that tells as a page what another one tells as a problem."""

    def view(error: Any, request: Any) -> Response:
        return error_page(problem_of, error, request)

    return view


def error_page(problem_of: Problem, error: Any, request: Any) -> Response:
    """The page of a failure; a redirection, and what even the page's template fails at, stay as they are."""
    if isinstance(error, Unauthenticated) and own_policy(request.registry) is not None:
        return to_login(request)
    response = problem_of(error, request)
    if response.content_type != PROBLEM:
        return response
    problem = msgspec.json.decode(response.body)
    if problem["detail"] == NOTHING_HERE:
        # The page has a button for what this sentence says of the API.
        problem["detail"] = "There is nothing at this address."
    headers = [(name, value) for name, value in response.headerlist if name in ("Allow", "Retry-After")]
    try:
        return page(
            request,
            "error.jinja2",
            status=response.status_int,
            headers=headers,
            problem=problem,
            retry_after=response.headers.get("Retry-After"),
        )
    except Exception as failure:
        log.error("page_failed", extra={"fields": {"path": request.environ.get("PATH_INFO", "")}}, exc_info=failure)
        return response
