"""Failures as V1 tells them: an object with one text."""

import re
from dataclasses import replace
from typing import Any

import msgspec
from pyramid.response import Response

from mlserve.protocols import JSON, Failure

# A verb as the paths of other protocols have it.
_SLASH = re.compile(r"(/v1/models/.+)/(predict|explain)").fullmatch


def write_problem(request: Any, failure: Failure) -> Response:
    """`{"error": "…"}` under the core's own status."""
    if failure.status == 404 and request.matched_route is None:
        failure = replace(failure, detail=_nothing_at(request.path_info))
    body = msgspec.json.encode({"error": failure.sentence})
    return Response(status=failure.status, headerlist=[("Content-Type", JSON)], body=body)


def _nothing_at(path: str) -> str:
    told = "There is nothing at this address"
    if (slash := _SLASH(path)) is not None:
        model, verb = slash.groups()
        return f"{told}: a verb of V1 stands behind a colon, {model}:{verb}."
    return f"{told}; GET /v1/models lists the models, and POST /v1/models/NAME:predict asks one."
