"""The keys and users as this process knows them: read from memory by every request, renewed by a thread of its own.

No request asks the database. An unknown key costs a look-up in a dictionary, however many somebody tries; a new key
works, and a revoked one stops, within `mlserve.auth.interval`. While the database is down, what was last seen counts.
"""

import logging
import threading
import time
from pathlib import Path

from sqlalchemy import Connection, func, select

from mlserve.auth import keys, snapshot, users
from mlserve.auth.identity import Identity
from mlserve.auth.refusals import Refusals
from mlserve.auth.snapshot import Seen
from mlserve.auth.tables import api_keys
from mlserve.db.engine import Database
from mlserve.errors import DatabaseUnavailable

log = logging.getLogger("mlserve.auth")

# The time of last use is kept to the minute: each one is a write.
_USED_EVERY = 60.0


class Directory:
    """`start` reads once, from the database or else from this host's snapshot, and begins to look again and again.

    Its thread also writes down what requests leave: when keys were used, and what was refused.
    """

    def __init__(self, database: Database, path: Path, interval: float, refusals: Refusals) -> None:
        self._database = database
        self._path = path
        self._interval = interval
        self._refusals = refusals
        self._seen = Seen({}, {})
        self._counts: tuple[int, int] | None = None  # of keys and revoked keys: with them the keys change
        self._used: dict[str, float] = {}  # by key, now
        self._written: dict[str, float] = {}  # the same, as the database has it
        self._renewing = threading.Lock()  # What was read first must not replace what was read later.
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="access", daemon=True)

    def start(self) -> None:
        try:
            self.refresh()
        except DatabaseUnavailable:
            held = snapshot.read(self._path)
            if held is None:
                log.warning("callers_unknown")
            self._seen = held or self._seen
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._turn()

    def key(self, digest: str) -> Identity | None:
        """The caller behind a key that works now."""
        known = self._seen.keys.get(digest)
        if known is None or known.expires_at <= time.time():
            return None
        return known.identity

    def user(self, name: str, generation: str) -> Identity | None:
        """The user, if the session is of the password of now."""
        known = self._seen.users.get(name)
        return known.identity if known is not None and known.generation == generation else None

    def used(self, key_id: str) -> None:
        """Note that a key has let somebody in."""
        self._used[key_id] = time.time()

    def refresh(self) -> None:
        """Read what is new. Raises DatabaseUnavailable."""
        with self._renewing:
            with self._database.read() as connection:
                counts = _counts(connection)
                known = self._seen.keys if counts == self._counts else keys.known(connection)
                seen = Seen(known, users.known(connection))
            self._counts = counts
            if seen != self._seen or not self._path.exists():
                self._seen = seen
                self._write_snapshot(seen)

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self._turn()

    def _turn(self) -> None:
        try:
            self.refresh()
            self._note()
        except DatabaseUnavailable:
            pass  # The database says so itself; what was seen last goes on.
        except Exception:
            log.exception("access_failed")

    def _note(self) -> None:
        """Write down what requests have left behind."""
        due = {key: at for key, at in list(self._used.items()) if at - self._written.get(key, 0.0) >= _USED_EVERY}
        if not due and not self._refusals.waiting:
            return
        with self._database.write() as connection:
            keys.used(connection, due)
            noted = self._refusals.record(connection)
        self._written |= due
        self._refusals.forget(noted)

    def _write_snapshot(self, seen: Seen) -> None:
        try:
            snapshot.write(self._path, seen)
        except OSError as error:
            log.warning("access_snapshot_failed", extra={"fields": {"reason": error.strerror}})


def _counts(connection: Connection) -> tuple[int, int]:
    """Keys are only ever made and revoked, so these two numbers tell of every change."""
    row = connection.execute(select(func.count(), func.count(api_keys.c.revoked_at)).select_from(api_keys)).one()
    return row[0], row[1]
