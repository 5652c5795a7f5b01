"""Domain errors with stable codes. This module knows no HTTP: `mlserve.api.problems` gives each code its status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with what a caller sent.

    `pointer` is an RFC 6901 JSON pointer into the body as it was sent; `instance` counts from 0; `got` is a short
    text of the offending value.
    """

    code: str
    expected: str
    got: str = ""
    pointer: str = ""
    instance: int | None = None
    field: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "pointer": self.pointer,
            "instance": self.instance,
            "field": self.field,
            "code": self.code,
            "expected": self.expected,
            "got": self.got,
        }


class MlserveError(Exception):
    """Base of all errors that mlserve raises on purpose; `str()` is a sentence that a person can act on.

    `refusal` says that it is for what the caller sent, who may send something else; every other one is a failure here.
    """

    code = "internal"
    refusal = False

    def __init__(
        self, detail: str, *, problems: Sequence[Problem] = (), more: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = tuple(problems)
        self.more = more
        self.retry_after = retry_after
        self.members: dict[str, Any] = {}  # more that the caller is told, in JSON values by name


class ConfigurationError(MlserveError):
    """The INI, the environment or a plugin is wrong: the start stops with this one sentence."""

    code = "configuration"


class PluginFailed(ConfigurationError):
    """A plugin has failed, or what only it can read or load: told in this one sentence, and the start goes on."""


class Unreadable(MlserveError):
    """The body or a query parameter cannot be read at all: not JSON, not UTF-8, nested too deep."""

    code = "unreadable"
    refusal = True


class Invalid(MlserveError):
    """The body can be read but breaks the envelope or the version's signature."""

    code = "invalid"
    refusal = True


class TooLarge(MlserveError):
    """The body has more bytes, or the prediction more instances, than the limits allow."""

    code = "too_large"
    refusal = True


class LengthRequired(MlserveError):
    """Nobody can tell whether the body has come whole: its length must be said."""

    code = "length_required"
    refusal = True


class UnsupportedMediaType(MlserveError):
    code = "unsupported_media_type"
    refusal = True


class NotAcceptable(MlserveError):
    code = "not_acceptable"
    refusal = True


class ModelUnknown(MlserveError):
    code = "model_unknown"
    refusal = True


class VersionUnknown(MlserveError):
    code = "version_unknown"
    refusal = True


class PredictionUnknown(MlserveError):
    code = "prediction_unknown"
    refusal = True


class AliasUnknown(MlserveError):
    code = "alias_unknown"
    refusal = True


class Stale(MlserveError):
    """Somebody else was quicker: what the caller wanted to change is not what they have seen."""

    code = "stale"
    refusal = True


class PreconditionRequired(MlserveError):
    """The caller must say which state they have seen."""

    code = "precondition_required"
    refusal = True


class SignatureBreaks(MlserveError):
    """The version would refuse what callers of the alias send, or answer what they do not know; `problems` say how."""

    code = "signature_breaks"
    refusal = True


class VersionRetired(MlserveError):
    code = "version_retired"
    refusal = True


class VersionInUse(MlserveError):
    """An alias names the version, so that it cannot be retired."""

    code = "version_in_use"
    refusal = True


class NothingBefore(MlserveError):
    """A rollback leads nowhere: the alias names the first version that it named, or what was before is retired."""

    code = "nothing_before"
    refusal = True


class Unauthenticated(MlserveError):
    """Nobody that is known asks: there is no key and no session, or one that does not work."""

    code = "unauthenticated"
    refusal = True


class Forbidden(MlserveError):
    """Who asks is known, and may not."""

    code = "forbidden"
    refusal = True


class AuthOff(MlserveError):
    """Nobody is asked for a key here, so that there are no callers to administer."""

    code = "auth_off"
    refusal = True


class KeyUnknown(MlserveError):
    code = "key_unknown"
    refusal = True


class UserUnknown(MlserveError):
    code = "user_unknown"
    refusal = True


class UserExists(MlserveError):
    code = "user_exists"
    refusal = True


class LastAdmin(MlserveError):
    """Without this key or user nobody could administer the others."""

    code = "last_admin"
    refusal = True


class RateLimited(MlserveError):
    """Who asks does so too often, or has failed to log in too often."""

    code = "rate_limited"
    refusal = True


class NotSupported(MlserveError):
    """The model's family cannot do what was asked."""

    code = "not_supported"
    refusal = True


class IdempotencyKeyReused(MlserveError):
    """The same `Idempotency-Key` came before with another body."""

    code = "idempotency_key_reused"
    refusal = True


class ModelNotReady(MlserveError):
    """The model is known, but no version of it is loaded."""

    code = "model_not_ready"


class Busy(MlserveError):
    """Others are being served what takes long here; later there is room again."""

    code = "busy"


class PredictionFailed(MlserveError):
    """The family's predictor failed on a valid Batch; the cause is in the server's log, never in the answer."""

    code = "prediction_failed"


class DatabaseUnavailable(MlserveError):
    code = "database_unavailable"


class LogUnavailable(MlserveError):
    """The prediction could not be kept, so it was not answered."""

    code = "log_unavailable"


class BundleError(MlserveError):
    """A bundle or artefact cannot be read, or is not what its digest says."""

    code = "bundle"


class StoreUnavailable(BundleError):
    """The store of bundles cannot be reached or written right now; what is in it may be sound."""

    code = "store_unavailable"


class SignatureError(MlserveError):
    """A signature contradicts itself, its artefact or its sidecar."""

    code = "signature"
