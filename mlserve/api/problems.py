"""Maps every failure to one shape: RFC 9457 `application/problem+json` with a stable `code` and `errors[]`."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPException, HTTPNotFound
from pyramid.response import Response

from mlserve.api.failure import Failure
from mlserve.api.negotiation import PROBLEM
from mlserve.api.own_addresses import OwnAddresses
from mlserve.errors import MlserveError, Problem
from mlserve.types import application_of

log = logging.getLogger("mlserve.api")

# The status of each domain error's code. A code that is not here would be a 500: a test asserts that each one is.
STATUS_OF = {
    "unreadable": 400,
    "invalid": 422,
    "length_required": 411,
    "too_large": 413,
    "unsupported_media_type": 415,
    "not_acceptable": 406,
    "unauthenticated": 401,
    "forbidden": 403,
    "rate_limited": 429,
    "model_unknown": 404,
    "version_unknown": 404,
    "prediction_unknown": 404,
    "alias_unknown": 404,
    "key_unknown": 404,
    "user_unknown": 404,
    "not_supported": 409,
    "signature_breaks": 409,
    "version_retired": 409,
    "version_in_use": 409,
    "nothing_before": 409,
    "auth_off": 409,
    "user_exists": 409,
    "last_admin": 409,
    "stale": 412,
    "precondition_required": 428,
    "idempotency_key_reused": 422,
    "model_not_ready": 503,
    "busy": 503,
    "database_unavailable": 503,
    "log_unavailable": 503,
    "store_unavailable": 503,
    "prediction_failed": 500,
    "bundle": 500,
    "signature": 500,
    "configuration": 500,
    "internal": 500,
}

# Pyramid's own failures, by status.
CODE_OF = {
    400: "unreadable",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
}

# What a 401 says of the way to prove who one is (RFC 6750).
CHALLENGE = 'Bearer realm="mlserve"'

# Every 503 says when to come back, in seconds; this is for failures that cannot know better.
RETRY_AFTER = 5

NOTHING_HERE = "There is nothing at this address; /api/v1/models lists the models."
INTERNAL = "Something went wrong on the server; its log tells more under this request_id."


def includeme(config: Configurator) -> None:
    ours = config.registry.mlserve.own_addresses
    config.add_exception_view(domain_problem, context=MlserveError)
    for context, view in (
        (HTTPException, http_problem),
        (UnicodeDecodeError, encoding_problem),
        (Exception, internal_problem),
    ):
        config.add_exception_view(view, context=context, mlserve_owns=ours)
    config.add_notfound_view(http_problem, mlserve_owns=ours)
    config.add_forbidden_view(http_problem, mlserve_owns=ours)


class OwnsPredicate:
    """View predicate: the path lies in the part of the URL space that mlserve answers for."""

    def __init__(self, own: OwnAddresses, config: Configurator) -> None:
        self.own = own

    def text(self) -> str:
        return "mlserve_owns"

    phash = text

    def __call__(self, context: Any, request: Any) -> bool:
        return request.environ.get("PATH_INFO", "/") in self.own


class NoSuchResource(HTTPNotFound):
    """A 404 whose detail is a sentence for the caller; Pyramid's own details are paths and names of views."""


def domain_problem(error: MlserveError, request: Any) -> Response:
    status = STATUS_OF.get(error.code, 500)
    if status == 500:
        _log_failure(error, request)
    detail = error.detail if status != 500 or error.code == "prediction_failed" else INTERNAL
    retry_after = RETRY_AFTER if status == 503 and error.retry_after is None else error.retry_after
    headers = [] if retry_after is None else [("Retry-After", str(retry_after))]
    if status == 401:
        headers.append(("WWW-Authenticate", CHALLENGE))
    problems = tuple(replace(problem, **_writable(problem)) for problem in error.problems)
    failure = Failure(status, error.code, _utf8(detail), problems, error.more, retry_after, tuple(headers))
    return _told(request, failure, error.members)


def _writable(problem: Problem) -> dict[str, Any]:
    return {name: _utf8(value) for name, value in problem.as_dict().items() if isinstance(value, str)}


def _utf8(text: str) -> str:
    """A plugin may have put a caller's bytes into it, of which some are no text."""
    return text.encode("utf-8", "replace").decode()


def http_problem(error: HTTPException, request: Any) -> Response:
    status = error.code
    if status < 400:
        return error
    headers = tuple(
        (name, value) for name, value in error.headerlist if name in ("Allow", "Retry-After", "WWW-Authenticate")
    )
    code = CODE_OF.get(status, "http_error" if status < 500 else "internal")
    return _told(request, Failure(status, code, _sentence(error, request), headers=headers))


def encoding_problem(error: UnicodeDecodeError, request: Any) -> Response:
    """A path or a query that is not UTF-8 is the caller's mistake; anything else that cannot be decoded is ours."""
    if error.object == request.environ.get("PATH_INFO", "").encode("latin-1", "replace"):
        return _told(request, Failure(400, "unreadable", "The path is not UTF-8."))
    return internal_problem(error, request)


def internal_problem(error: Exception, request: Any) -> Response:
    _log_failure(error, request)
    return _told(request, Failure(500, "internal", INTERNAL))


def _told(request: Any, failure: Failure, members: Mapping[str, Any] = MappingProxyType({})) -> Response:
    """The answer: ours, or that of the protocol which the address belongs to. `members` are told by ours only."""
    claim = application_of(request).own_addresses.claim_of(request.environ.get("PATH_INFO", "/"))
    if claim is None:
        return _problem_json(request, failure, members)
    try:
        response = claim.write_problem(request, failure)
        missing = [(name, value) for name, value in failure.headers if name not in response.headers]
        response.headerlist.extend(missing)
    except Exception as error:
        # Nothing stands behind an exception view: what it raises would leave without an answer.
        fields = {"protocol": claim.protocol, "plugin": claim.plugin, "status": failure.status, "code": failure.code}
        log.error("protocol_failed", extra={"fields": fields}, exc_info=error)
        return _problem_json(request, failure, members)
    return response


def _problem_json(request: Any, failure: Failure, members: Mapping[str, Any]) -> Response:
    """RFC 9457; `members` are extension members."""
    body = {
        "type": f"urn:mlserve:problem:{failure.code}",
        "title": HTTPStatus(failure.status).phrase,
        "status": failure.status,
        "code": failure.code,
        "detail": failure.detail,
        "request_id": request.environ.get("mlserve.request_id"),
        **members,
    }
    if failure.problems:
        body |= {"errors": [problem.as_dict() for problem in failure.problems], "more": failure.more}
    return Response(
        status=failure.status,
        headerlist=[("Content-Type", PROBLEM), *failure.headers],
        body=msgspec.json.encode(body),
    )


def _sentence(error: HTTPException, request: Any) -> str:
    if error.code == 405:
        return f"{request.method} is not allowed here; allowed: {error.headers.get('Allow', 'nothing')}."
    if error.code == 404 and not isinstance(error, NoSuchResource):
        return NOTHING_HERE
    return str(error.explanation if error.detail is None else error.detail)


def _log_failure(error: Exception, request: Any) -> None:
    fields = {"method": request.method, "path": request.environ.get("PATH_INFO", "")}
    log.error("request_failed", extra={"fields": fields}, exc_info=error)
