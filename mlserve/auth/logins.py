"""Logging in: a name and a password, few tries, and an answer that does not tell which of the two was wrong."""

import math
from datetime import UTC, datetime
from typing import NamedTuple

from mlserve.auth import users
from mlserve.auth.directory import Directory
from mlserve.auth.identity import NAME
from mlserve.auth.lockout import Lockout
from mlserve.auth.passwords import Passwords
from mlserve.db.engine import Database
from mlserve.errors import RateLimited

LONGEST_NAME = 100


class LoggedIn(NamedTuple):
    """Whose session begins, and the generation of the password."""

    name: str
    generation: str


class Logins:
    """After `most` failures a name and an address wait for `lock` seconds."""

    def __init__(self, database: Database, directory: Directory, *, most: int, lock: float) -> None:
        self._database = database
        self._directory = directory
        self._most = most
        self._seconds = lock
        self._lockout = Lockout(most, lock)
        self.passwords = Passwords()

    def log_in(self, name: str, password: str, address: str) -> LoggedIn | None:
        """None where name and password do not fit. Raises RateLimited, Busy, DatabaseUnavailable.

        The password is checked outside of any transaction: it takes long, on purpose.
        """
        name = name.strip()[:LONGEST_NAME]
        subjects = (f"name:{name}", f"address:{address}")
        if not NAME.fullmatch(name):
            name = ""  # No user's, like any that users do not have, which a database might not even take.
        if (wait := self._lockout.locked(*subjects)) is not None:
            raise _locked(wait)
        with self._database.read() as connection:
            account = users.account(connection, name)
        now = datetime.now(UTC)
        if account is not None and account.locked_until is not None and account.locked_until > now:
            raise _locked(math.ceil((account.locked_until - now).total_seconds()))
        if not self.passwords.check(None if account is None else account.password, password) or account is None:
            self._lockout.failed(*subjects)
            # Of a name that nobody has too, so that it takes as long.
            with self._database.write() as connection:
                users.failed(connection, name, most=self._most, lock=self._seconds, address=address)
            return None
        rehashed = self.passwords.hash(password) if self.passwords.is_old(account.password) else None
        with self._database.write() as connection:
            users.succeeded(connection, name, rehashed=rehashed)
        self._lockout.succeeded(*subjects)
        self._directory.refresh()  # A user of this second may log in at once.
        return LoggedIn(name, account.generation)


def _locked(wait: int) -> RateLimited:
    minutes = math.ceil(wait / 60)
    when = f"in {minutes} minutes" if minutes > 1 else "in a minute"
    return RateLimited(f"Too many logins have failed: try again {when}.", retry_after=wait)
