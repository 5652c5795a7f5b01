"""What a call can end with instead of an answer: one class for each `code` that a program may want to go by."""

from collections.abc import Mapping
from typing import Any, Final


class ClientError(Exception):
    """Base of all that this client raises for what came back, or did not. `str()` is a sentence."""


class NoAnswerError(ClientError):
    """No whole answer arrived, also after the retries. `sent`: the server may have got the request, and done it."""

    def __init__(self, detail: str, sent: bool) -> None:
        super().__init__(detail, sent)
        self.sent = sent

    def __str__(self) -> str:
        return str(self.args[0])


class UnexpectedAnswerError(ClientError):
    """What answered is no mlserve: a success that is not JSON, or a redirect."""


class ProblemError(ClientError):
    """The server refused or failed. `problem` is its whole problem (RFC 9457), and the rest reads from it.

    `retry_after` is in seconds, or None. The class goes by `code`; a code without a class of its own is this one.
    """

    def __init__(self, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        super().__init__(problem, retry_after)
        self.problem = dict(problem)
        self.retry_after = retry_after

    @property
    def code(self) -> str:
        return str(self.problem["code"])

    @property
    def status(self) -> int:
        return int(self.problem["status"])

    @property
    def detail(self) -> str:
        return str(self.problem.get("detail", ""))

    @property
    def request_id(self) -> str | None:
        """What the operator finds the request by."""
        return self.problem.get("request_id")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Each thing that is wrong: `pointer`, `instance`, `field`, `code`, `expected`, `got`; empty where none is."""
        errors = self.problem.get("errors")
        return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []

    @property
    def more(self) -> bool:
        """Whether `errors` stopped at the server's limit."""
        return bool(self.problem.get("more", False))

    def __str__(self) -> str:
        first = "".join(f" {_sentence(error)}" for error in self.errors[:1])
        return f"{self.detail}{first} ({self.status} {self.code})"


class UnreadableError(ProblemError):
    """400: not JSON, or a query parameter that is not right."""


class InvalidError(ProblemError):
    """422: the instances or actuals do not fit the signature; `errors` says where."""


class TooLargeError(ProblemError):
    """413: too many bytes, or too many instances."""


class UnauthenticatedError(ProblemError):
    """401: no key, or one that is not known, has expired or was revoked."""


class ForbiddenError(ProblemError):
    """403: the key lacks the role, or is for other models."""


class NotFoundError(ProblemError):
    """404: there is nothing of that name."""


class ModelUnknownError(NotFoundError):
    """404: no model of that name."""


class VersionUnknownError(NotFoundError):
    """404: the model has no version of that number."""


class AliasUnknownError(NotFoundError):
    """404: the model has no alias of that name."""


class PredictionUnknownError(NotFoundError):
    """404: no prediction of that id is kept."""


class NotSupportedError(ProblemError):
    """409: the model cannot do what was asked."""


class SignatureBreaksError(ProblemError):
    """409: the version would break callers of the alias; `errors` are the differences."""


class VersionRetiredError(ProblemError):
    """409: the version was retired."""


class VersionInUseError(ProblemError):
    """409: an alias names the version."""


class NothingBeforeError(ProblemError):
    """409: there is nothing to roll back to."""


class StaleError(ProblemError):
    """412: somebody else has moved the alias."""

    @property
    def current(self) -> dict[str, Any] | None:
        """`version` and `revision` of the alias now, or None where there is no such alias."""
        return self.problem.get("current")


class IdempotencyKeyReusedError(ProblemError):
    """422: the key came before with another body."""


class RateLimitedError(ProblemError):
    """429: more requests than this caller may send, also after the retries."""


class UnavailableError(ProblemError):
    """503: the model, the database or the log is not ready, also after the retries; 502 or 504 of a proxy."""


class ServerError(ProblemError):
    """500: a failure of the server; its operator finds it by `request_id`."""


_OF_CODE: Final[dict[str, type[ProblemError]]] = {
    "unreadable": UnreadableError,
    "invalid": InvalidError,
    "too_large": TooLargeError,
    "unauthenticated": UnauthenticatedError,
    "forbidden": ForbiddenError,
    "not_found": NotFoundError,
    "model_unknown": ModelUnknownError,
    "version_unknown": VersionUnknownError,
    "alias_unknown": AliasUnknownError,
    "prediction_unknown": PredictionUnknownError,
    "not_supported": NotSupportedError,
    "signature_breaks": SignatureBreaksError,
    "version_retired": VersionRetiredError,
    "version_in_use": VersionInUseError,
    "nothing_before": NothingBeforeError,
    "stale": StaleError,
    "idempotency_key_reused": IdempotencyKeyReusedError,
    "rate_limited": RateLimitedError,
}


def error_of(problem: Mapping[str, Any], retry_after: float | None = None) -> ProblemError:
    """The error that a problem is. A code that a later server invents is told by its status."""
    return _OF_CODE.get(problem["code"], _of_status(problem["status"]))(problem, retry_after)


def _of_status(status: int) -> type[ProblemError]:
    if status == 404:
        return NotFoundError
    return UnavailableError if status in (502, 503, 504) else ServerError if status >= 500 else ProblemError


def _sentence(error: Mapping[str, Any]) -> str:
    where = error.get("pointer") or error.get("field") or "it"
    # A text is sent as it is, and the path of a file is a text too.
    hint = " Give bytes, or a pathlib.Path of a file." if error.get("code") == "base64" else ""
    return f"{where}: expected {error.get('expected')}, got {error.get('got')}.{hint}"
