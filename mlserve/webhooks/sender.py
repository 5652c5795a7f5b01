"""The thread that tells one webhook what is due: one a webhook in each process, so that a slow one holds up no other.

Nothing is sent in a transaction. A delivery is claimed for a while, posted, and then marked; a process that is killed
between post and mark leaves it to be sent again under the same id.
"""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from mlserve import events
from mlserve.application import Application
from mlserve.db.engine import Database
from mlserve.errors import DatabaseUnavailable
from mlserve.events import Event, outbox
from mlserve.events.outbox import Claim
from mlserve.webhooks import standing
from mlserve.webhooks.backoff import wait_after
from mlserve.webhooks.declared import Rules, Webhook
from mlserve.webhooks.message import body_of
from mlserve.webhooks.posting import Poster
from mlserve.webhooks.signing import Signer
from mlserve.webhooks.standing import Failure

log = logging.getLogger("mlserve.webhooks")

# In seconds. How much longer a claim lasts than an attempt at least, for the database to take the outcome.
_SLACK: Final = 5.0
# How long the end of the process waits for attempts.
PATIENCE: Final = 2.0


class Sender:
    """`start` begins to send, in a thread of its own; `run_once` is what that does."""

    def __init__(self, application: Application, hook: Webhook, signer: Signer, rules: Rules) -> None:
        self._application = application
        self._hook = hook
        self._signer = signer
        self._rules = rules
        self._poster = Poster(hook.url, rules.timeout)
        self._patience = timedelta(seconds=rules.give_up)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"webhook-{hook.name}", daemon=True)

    def start(self) -> None:
        self._application.metrics.expect_webhook(self._hook.name)
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def stop(self, patience: float) -> None:
        """Wait at most `patience` seconds for the attempt that is on its way; what is left behind is sent again."""
        self._stopping.set()
        self._thread.join(patience)

    def run_once(self) -> bool:
        """Send what has waited longest; whether there was something. Raises DatabaseUnavailable."""
        claimed = self._claim()
        if claimed is None:
            return False
        with self._database.read() as connection:
            event = events.find(connection, claimed.event_id)
        if event is None:
            # By no way of ours is an event removed; without it there is nothing to tell.
            with self._database.write() as connection:
                outbox.end(connection, claimed, outbox.GIVEN_UP, datetime.now(UTC), "the event is gone")
            return True
        began = time.perf_counter_ns()
        outcome = self._tell(event)
        failed = isinstance(outcome, Failure)
        took = time.perf_counter_ns() - began
        self._application.metrics.webhook(self._hook.name, "failed" if failed else "delivered", took)
        if isinstance(outcome, Failure):
            self._failed(claimed, outcome)
        else:
            self._delivered(claimed)
        return True

    def _tell(self, event: Event) -> int | Failure:
        """An attempt. Whatever breaks it is a failure like others: it is counted, shown, and given up in the end."""
        try:
            body = body_of(event)
            return self._poster.post(body, self._signer.headers(event.id, int(time.time()), body))
        except Exception:
            log.exception("webhook_broken", extra={"fields": {"webhook": self._hook.name}})
            return Failure("the server itself has failed")

    @property
    def _database(self) -> Database:
        return self._application.database

    def _run(self) -> None:
        while not self._stopping.is_set():
            busy = False
            try:
                busy = self.run_once()
            except DatabaseUnavailable:
                pass  # The database's own check and log tell of it.
            except Exception:
                log.exception("webhook_broken", extra={"fields": {"webhook": self._hook.name}})
            if not busy:
                self._stopping.wait(self._rules.interval)

    def _claim(self) -> Claim | None:
        now = datetime.now(UTC)
        with self._database.read() as connection:
            if not outbox.is_due(connection, self._hook.name, now):
                return None
        with self._database.write() as connection:
            return outbox.claim(connection, self._hook.name, now, self._lease)

    def _lease(self, attempt: int) -> timedelta:
        """Until the next attempt: the waits grow also where the outcome of this one is never written down."""
        wait = wait_after(attempt, self._rules.give_up) or 0.0
        return timedelta(seconds=max(wait, self._rules.timeout + _SLACK))

    def _delivered(self, claimed: Claim) -> None:
        with self._database.write() as connection:
            back = standing.delivered(connection, claimed, datetime.now(UTC))
        if back:
            log.info("webhook_back", extra={"fields": {"webhook": claimed.webhook}})

    def _failed(self, claimed: Claim, failure: Failure) -> None:
        now, wait = datetime.now(UTC), wait_after(claimed.attempts, self._rules.give_up)
        if wait is not None and failure.retry_after is not None:
            wait = max(failure.retry_after, 1.0)
        again = None if wait is None else now + timedelta(seconds=wait)
        with self._database.write() as connection:
            outcome = standing.failed(connection, claimed, failure, now, again=again, patience=self._patience)
        fields = {"webhook": claimed.webhook, "event": claimed.event_id, "reason": failure.error}
        if outcome.disabled:
            log.error("webhook_disabled", extra={"fields": fields})
        elif outcome.given_up:
            log.error("webhook_delivery_given_up", extra={"fields": fields})
        elif outcome.first:
            log.warning("webhook_failed", extra={"fields": fields})
