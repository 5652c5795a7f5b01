"""Passwords: Argon2id, which takes 64 MiB and some 50 ms on purpose, a few at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mlserve.errors import Busy

SHORTEST: Final = 12
LONGEST: Final = 1024
# So many are hashed at once in one process, and the next waits so long, in seconds: a login costs what a thousand
# predictions cost, and whoever sends many must not take the memory and the processor from those.
_AT_ONCE = 2
_PATIENCE = 2.0


class Passwords:
    """Hashes and checks passwords. One object a process, since it bounds how many are checked at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()  # Argon2id with the parameters of RFC 9106 for little memory
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys: str | None = None

    def hash(self, password: str) -> str:
        """Raises Busy."""
        with self._turn():
            return self._hasher.hash(password)

    def check(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password; without a hash the answer is no and takes as long. Raises Busy."""
        with self._turn():
            if hashed is None and self._nobodys is None:
                self._nobodys = self._hasher.hash("nobody's")
            try:
                self._hasher.verify(hashed or self._nobodys or "", password[:LONGEST])
            except (VerificationError, InvalidHashError):
                return False
            return hashed is not None

    def is_old(self, hashed: str) -> bool:
        """Whether it was made with other parameters than those of now, so that a login makes it anew."""
        return self._hasher.check_needs_rehash(hashed)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._room.acquire(timeout=_PATIENCE):
            raise Busy("Others are logging in; try again in a moment.", retry_after=2)
        try:
            yield
        finally:
            self._room.release()


def fault_of(password: str) -> str | None:
    """What is wrong with a new password, as the end of a sentence; None if nothing is."""
    if len(password) < SHORTEST:
        return f"has {len(password)} characters: take at least {SHORTEST}, such as a few unrelated words"
    if len(password) > LONGEST:
        return f"has {len(password):,} characters: at most {LONGEST:,}"
    return None
