"""Failures as the protocol tells them: `{"error": sentence}`, with what is wrong beside it."""

from dataclasses import replace
from typing import Any, Final

import msgspec
from pyramid.response import Response

from mlserve.protocols import JSON, Failure

NOTHING_HERE: Final = (
    "There is nothing at this address; GET /v2/models lists the models, GET /v2/models/NAME tells what one takes, and "
    "POST /v2/models/NAME/infer asks it."
)
_TOLD: Final = 3


def write_problem(request: Any, failure: Failure) -> Response:
    """The content type is exactly `application/json`: clients compare it."""
    # What breaks the signature is, in this protocol, one kind of bad request.
    status = 400 if failure.code == "invalid" else failure.status
    if failure.status == 404 and request.matched_route is None:
        failure = replace(failure, detail=NOTHING_HERE)
    body: dict[str, Any] = {"error": _sentence(failure), "code": failure.code}
    if failure.problems:
        body |= {"errors": [problem.as_dict() for problem in failure.problems], "more": failure.more}
    headers = [("Content-Type", JSON), *failure.headers]
    return Response(status=status, headerlist=headers, body=msgspec.json.encode(body))


def _sentence(failure: Failure) -> str:
    """With the first few problems: a client shows its user nothing else."""
    told = [
        f"{problem.pointer or 'body'}{f' ({problem.field})' if problem.field else ''}: expected {problem.expected}"
        f"{f', got {problem.got}' if problem.got else ''}"
        for problem in failure.problems[:_TOLD]
    ]
    left = len(failure.problems) - len(told)
    if left or failure.more:
        told.append(f"and {left} more" if not failure.more else "and more")
    return f"{failure.detail} {'; '.join(told)}" if told else failure.detail
