"""The Python client: predictions, actuals and the registry of a running mlserve, over HTTP.

It needs urllib3 and nothing of the server: neither the web framework, nor SQL, nor numpy. numpy arrays and DataFrames
are understood by what they can do, where the caller has them.
"""

from mlserve_client.client import Client
from mlserve_client.errors import (
    AliasUnknownError,
    ClientError,
    ForbiddenError,
    IdempotencyKeyReusedError,
    InvalidError,
    ModelUnknownError,
    NoAnswerError,
    NotFoundError,
    NothingBeforeError,
    NotSupportedError,
    PredictionUnknownError,
    ProblemError,
    RateLimitedError,
    ServerError,
    SignatureBreaksError,
    StaleError,
    TooLargeError,
    UnauthenticatedError,
    UnavailableError,
    UnexpectedAnswerError,
    UnreadableError,
    VersionInUseError,
    VersionRetiredError,
    VersionUnknownError,
)

__all__ = [
    "AliasUnknownError",
    "Client",
    "ClientError",
    "ForbiddenError",
    "IdempotencyKeyReusedError",
    "InvalidError",
    "ModelUnknownError",
    "NoAnswerError",
    "NotFoundError",
    "NotSupportedError",
    "NothingBeforeError",
    "PredictionUnknownError",
    "ProblemError",
    "RateLimitedError",
    "ServerError",
    "SignatureBreaksError",
    "StaleError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnexpectedAnswerError",
    "UnreadableError",
    "VersionInUseError",
    "VersionRetiredError",
    "VersionUnknownError",
]
