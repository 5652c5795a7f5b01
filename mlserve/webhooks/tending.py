"""The thread that keeps a process's webhooks declared, and the outbox bounded: one for all of them.

After an outage, or while hosts slept, everybody's word is old. So nothing is removed by the first that comes back: who
removes what no server declares any more has listened for a while.
"""

import logging
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, type_coerce

from mlserve.application import Application
from mlserve.db.types import UtcNow, UtcTime
from mlserve.errors import DatabaseUnavailable
from mlserve.events import outbox
from mlserve.webhooks import standing
from mlserve.webhooks.declared import Rules, Webhook

log = logging.getLogger("mlserve.webhooks")

# How often it is written down that a server declares its webhooks, and what is old is swept out.
EVERY: Final = timedelta(minutes=10)
# How long a process listens before it removes anything; one that was silent for longer listens anew. With the rounds
# before and after it, this is less than the shortest mlserve.delivery.give_up, an hour.
LISTENED: Final = 2 * EVERY


def database_now(connection: Connection) -> datetime:
    """The time by the clock that all servers share: by a host's own, that of another could be long silent."""
    return connection.execute(select(type_coerce(UtcNow(), UtcTime()))).scalar_one()


class Tender:
    """`start` begins to tend, in a thread of its own; `tend` is what that does."""

    def __init__(
        self,
        application: Application,
        hooks: Collection[Webhook],
        rules: Rules,
        clock: Callable[[Connection], datetime] = database_now,
    ) -> None:
        self._application = application
        # By name, so that processes that lock them at once do so in one order.
        self._hooks = sorted(hooks, key=lambda hook: hook.name)
        self._interval = rules.interval
        self._patience = timedelta(seconds=rules.give_up)
        self._keep = timedelta(seconds=rules.keep)
        self._clock = clock
        self._tended_at: datetime | None = None
        self._listening_since: datetime | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """The webhooks are declared when it returns, or as soon as the database is there."""
        with suppress(DatabaseUnavailable):
            self.tend()
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def stop(self, patience: float) -> None:
        """Wait at most `patience` seconds for the round that has begun."""
        self._stopping.set()
        self._thread.join(patience)

    def tend(self) -> None:
        """Say that this server's INI has its webhooks, and remove what is nobody's. Raises DatabaseUnavailable."""
        removed: list[str] = []
        with self._application.database.write() as connection:
            now = self._clock(connection)
            for hook in self._hooks:
                standing.declare(connection, hook.name, hook.kinds, hook.models, now)
            since = self._listens_since(now)
            if now - since >= LISTENED:
                removed = standing.forget_undeclared(connection, now - self._patience)
            outbox.sweep(connection, now - self._keep)
        self._tended_at, self._listening_since = now, since
        for name in removed:
            log.warning("webhook_removed", extra={"fields": {"webhook": name}})

    def _listens_since(self, now: datetime) -> datetime:
        """Since when it has tended without a pause."""
        if self._tended_at is None or self._listening_since is None:
            return now
        # Less than nothing where the database's clock was set back.
        silent = not timedelta(0) <= now - self._tended_at <= LISTENED
        return now if silent else self._listening_since

    def _run(self) -> None:
        wait = EVERY.total_seconds() if self._tended_at is not None else self._interval
        while not self._stopping.wait(wait):
            wait = EVERY.total_seconds()
            try:
                self.tend()
            except DatabaseUnavailable:
                wait = self._interval  # The database's own check and log tell of it.
            except Exception:
                log.exception("webhooks_untended")
