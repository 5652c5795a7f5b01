"""The session of a user: a signed cookie that says who, since when, and when last seen. Nothing is kept on the server.

The signature is HMAC-SHA-256 under a key in a file; the cookie hides nothing, and holds nothing to hide. A session ends
by its age, by idleness, with the user's password, and with the user. Logging out takes the cookie away.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from webob.cookies import make_cookie

from mlserve.types import application_of

COOKIE = "mlserve_session"
_DIGEST = hashlib.sha256
_LENGTH = _DIGEST().digest_size
# A cookie is renewed when so much of the idle time has passed: not with every answer.
_RENEWED_AFTER = 0.1
_LONGEST = 2048


class Session(NamedTuple):
    """Times are seconds since 1970."""

    user: str
    generation: str
    begun: int
    seen: int


class Sessions:
    """Writes and reads the cookies. `idle` and `lifetime` are in seconds."""

    def __init__(self, key: bytes, *, idle: float, lifetime: float, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._idle = idle
        self._lifetime = lifetime
        self._clock = clock

    def begin(self, user: str, generation: str) -> str:
        """The value of a new session's cookie."""
        now = int(self._clock())
        return self._signed(Session(user, generation, now, now))

    def read(self, value: str) -> Session | None:
        """The session, if it is one of ours that has not ended."""
        if len(value) > _LONGEST:
            return None
        try:
            raw = base64.urlsafe_b64decode(value.encode("ascii"))
        except (UnicodeEncodeError, binascii.Error):
            return None
        signature, content = raw[:_LENGTH], raw[_LENGTH:]
        if not hmac.compare_digest(signature, self._signature(content)):
            return None
        try:
            session = msgspec.json.decode(content, type=Session)
        except msgspec.DecodeError:
            return None
        now = self._clock()
        alive = now - session.begun < self._lifetime and now - session.seen < self._idle
        return session if alive else None

    def renewed(self, session: Session) -> str | None:
        """The cookie that keeps it going; None while the one that the browser has will do."""
        now = int(self._clock())
        if now - session.seen < _RENEWED_AFTER * self._idle:
            return None
        return self._signed(session._replace(seen=now))

    def _signed(self, session: Session) -> str:
        content = msgspec.json.encode(session)
        return base64.urlsafe_b64encode(self._signature(content) + content).decode("ascii")

    def _signature(self, content: bytes) -> bytes:
        return hmac.digest(self._key, b"mlserve session\0" + content, "sha256")


def cookie_header(request: Any, value: str | None) -> tuple[str, str]:
    """The header that sets the cookie; None takes it away. It lives as long as the browser, and no script reads it."""
    prefix = application_of(request).route_prefix
    cookie = make_cookie(
        COOKIE,
        value,
        max_age=0 if value is None else None,
        path=f"{request.script_name}/{prefix}",
        secure=request.scheme == "https",
        httponly=True,
        samesite="Lax",
    )
    return "Set-Cookie", cookie
