"""The id of the request that this thread is answering: in its answer, its log events and its prediction's record."""

import re
from contextvars import ContextVar, Token

from mlserve.chance import Chance

# A key of a caller's (mlserve.auth.key_text) would be told to everybody who may read the records.
_ACCEPTED = re.compile(r"(?!mls_)[A-Za-z0-9._-]{1,128}")
_new_id = Chance(24)
_current: ContextVar[str | None] = ContextVar("mlserve_request_id", default=None)


class bound:  # noqa: N801 - used as a function; a class costs a third of what contextlib does on the hot path.
    """Bind an id while the `with` block runs: the caller's own (`X-Request-Id`) if it is acceptable, else a new one.

    Acceptable are 1 to 128 characters A-Z, a-z, 0-9, dot, underscore and hyphen, but no key. `as` gives the id.
    """

    __slots__ = ("_identity", "_token")
    _token: Token[str | None]

    def __init__(self, incoming: str | None = None) -> None:
        self._identity = incoming if incoming and _ACCEPTED.fullmatch(incoming) else _new_id()

    def __enter__(self) -> str:
        self._token = _current.set(self._identity)
        return self._identity

    def __exit__(self, *unused: object) -> None:
        _current.reset(self._token)


def current() -> str | None:
    """The id of the request that is being answered in this context, None outside of one."""
    return _current.get()
