"""Failures as MLflow's scoring server tells them; SageMaker hands on whatever a container says."""

from typing import Any, Final

import msgspec
from pyramid.response import Response

from mlserve.protocols import JSON, Failure

# MLflow's own words for them, by the status.
WORDS: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "BAD_REQUEST",
    409: "INVALID_STATE",
    422: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


def write_problem(request: Any, failure: Failure) -> Response:
    """`{"error_code": "…", "message": "…"}` under the core's own status."""
    word = WORDS.get(failure.status, "BAD_REQUEST" if failure.status < 500 else "INTERNAL_ERROR")
    body = msgspec.json.encode({"error_code": word, "message": failure.sentence})
    return Response(status=failure.status, headerlist=[("Content-Type", JSON)], body=body)
