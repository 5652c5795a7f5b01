"""The outbox on both databases: filled with the event, claimed once, kept until it is delivered or given up."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from mlserve import events
from mlserve.api.times import time_text
from mlserve.db.engine import Database
from mlserve.errors import ConfigurationError
from mlserve.events import Author, Kind, kinds, outbox
from mlserve.events.outbox import Claim
from mlserve.events.tables import deliveries
from mlserve.webhooks import standing
from mlserve.webhooks.standing import Failure

ANN = Author("ann")
LEASE = timedelta(seconds=20)
DAY = timedelta(days=1)
PATIENCE = 5 * DAY


@pytest.fixture
def now() -> datetime:
    # A little later than any event that a test records.
    return datetime.now(UTC) + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def hook(database: Database, now: datetime) -> None:
    declare(database, now)


def declare(database: Database, now: datetime, name: str = "ops", kinds: Any = (), models: Any = ()) -> None:
    with database.write() as connection:
        standing.declare(connection, name, kinds, models, now)


def happen(database: Database, kind: Kind = kinds.VERSION_RETIRED, model: str | None = "line") -> str:
    with database.write() as connection:
        return events.record(connection, kind, ANN, model=model).id


def claim(database: Database, now: datetime, name: str = "ops") -> Claim | None:
    with database.write() as connection:
        due = outbox.is_due(connection, name, now)
        found = outbox.claim(connection, name, now, lambda attempt: attempt * LEASE)
        # Of two at once, what is due may be the other one's.
        assert due or found is None
        return found


def claimed(database: Database, now: datetime) -> Claim:
    found = claim(database, now)
    assert found is not None
    return found


def fail(database: Database, found: Claim, now: datetime, error: Failure | None = None, **options: Any) -> Any:
    options = {"again": now + timedelta(seconds=5), "patience": PATIENCE, **options}
    with database.write() as connection:
        return standing.failed(connection, found, error or Failure("HTTP 500"), now, **options)


def deliver(database: Database, found: Claim, now: datetime) -> bool:
    with database.write() as connection:
        return standing.delivered(connection, found, now)


def row(database: Database, name: str = "ops") -> dict[str, Any]:
    with database.read() as connection:
        return next(it for it in standing.listed(connection) if it["name"] == name)


def outcomes(database: Database) -> dict[tuple[str, str], str]:
    with database.read() as connection:
        return {(it.event_id, it.webhook): it.state for it in connection.execute(select(deliveries))}


def test_an_event_goes_to_those_who_are_told_of_its_kind_and_model(database: Database, now: datetime) -> None:
    declare(database, now, "moves", kinds=["alias_moved"])
    declare(database, now, "lines", models=["line"])
    declare(database, now, "both", kinds=["alias_moved"], models=["line"])
    told = {
        (kind, model): sorted(name for event, name in outcomes(database) if event == happened)
        for kind, model in [("alias_moved", "line"), ("alias_moved", "other"), ("key_created", None)]
        for happened in [happen(database, kind, model)]
    }
    assert told == {
        ("alias_moved", "line"): ["both", "lines", "moves", "ops"],
        ("alias_moved", "other"): ["moves", "ops"],
        ("key_created", None): ["ops"],
    }


def test_an_event_that_is_rolled_back_leaves_nothing_to_send(database: Database, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        events.record(connection, kinds.VERSION_RETIRED, ANN, model="line")
        1 / 0  # noqa: B018
    assert outcomes(database) == {}


def test_a_delivery_is_one_sender_s_until_its_claim_runs_out(database: Database, now: datetime) -> None:
    event = happen(database)
    first = claimed(database, now)
    assert (first.event_id, first.attempts, first.until) == (event, 1, now + LEASE)
    assert claim(database, now) is None
    assert claim(database, now + LEASE - timedelta(milliseconds=1)) is None
    # What has become of the first attempt is not known; it counts.
    second = claimed(database, now + LEASE)
    assert (second.event_id, second.attempts, second.until) == (event, 2, now + 3 * LEASE)


def test_who_waited_longest_comes_first(database: Database, now: datetime) -> None:
    happened = [happen(database) for _ in range(3)]
    assert [claimed(database, now).event_id for _ in happened] == happened
    assert claim(database, now) is None


def test_many_senders_at_once_claim_each_delivery_once(database: Database, now: datetime) -> None:
    happened = {happen(database) for _ in range(20)}
    found: list[str] = []

    def send() -> None:
        # No more often than there is something to claim: with one that is claimed again and again this would not end.
        claims = [claim(database, now) for _ in happened]
        found.extend(it.event_id for it in claims if it)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Who skips a row that another is about to claim may find nothing more, while that one goes on.
    assert sorted(found) == sorted(happened)


def test_a_delivered_one_is_done(database: Database, now: datetime) -> None:
    happen(database)
    assert not deliver(database, claimed(database, now), now)
    assert claim(database, now + PATIENCE) is None
    assert (row(database)["due"], row(database)["last_delivered_at"]) == (0, now)


def test_a_failed_one_comes_again_and_success_clears_the_webhook(database: Database, now: datetime) -> None:
    happen(database)
    assert fail(database, claimed(database, now), now).first
    assert (row(database)["failing_since"], row(database)["last_error"]) == (now, "HTTP 500")
    later = now + timedelta(seconds=5)
    assert claim(database, later - timedelta(milliseconds=1)) is None
    second = claimed(database, later)
    assert second.attempts == 2
    assert not fail(database, second, later).first
    assert row(database)["failing_since"] == now
    last = now + timedelta(seconds=10)
    assert deliver(database, claimed(database, last), last)
    assert (row(database)["failing_since"], row(database)["last_error"]) == (None, "")


def test_a_sender_whose_claim_ran_out_does_not_disturb_the_next_one(database: Database, now: datetime) -> None:
    happen(database)
    slow = claimed(database, now)
    later = now + LEASE
    quick = claimed(database, later)
    fail(database, slow, later)
    assert claim(database, later + timedelta(seconds=6)) is None
    assert deliver(database, slow, later) is True  # It was the webhook's first success since the failure.
    fail(database, quick, later)
    assert set(outcomes(database).values()) == {"delivered"}


def test_retry_after_holds_the_whole_webhook(database: Database, now: datetime) -> None:
    happen(database)
    happen(database)
    fail(database, claimed(database, now), now, Failure("HTTP 429", retry_after=60))
    assert claim(database, now + timedelta(seconds=59)) is None
    assert claim(database, now + timedelta(seconds=60)) is not None


def test_after_failures_only_it_is_disabled_and_keeps_what_is_due(database: Database, now: datetime) -> None:
    declare(database, now, "other", kinds=["webhook_disabled", "webhook_enabled"])
    happen(database)
    fail(database, claimed(database, now), now)
    end = now + PATIENCE
    assert fail(database, claimed(database, end), end, again=None).disabled
    happen(database)
    assert (row(database)["state"], row(database)["disabled_at"], row(database)["due"]) == ("disabled", end, 1)
    assert claim(database, end + DAY) is None
    # The other webhook is told; the disabled one is not told of itself.
    assert claim(database, end, "other") is not None
    with database.write() as connection:
        assert standing.enable(connection, "ops", end, ANN) == 1
        assert [it.kind for it in events.page(connection, kind="webhook_enabled")] == ["webhook_enabled"]
        (disabled,) = events.page(connection, kind="webhook_disabled")
    assert disabled.after == {"name": "ops", "error": "HTTP 500", "failing_since": time_text(now)}
    assert claimed(database, end).attempts == 1
    assert row(database)["state"] == "active"


def test_gone_disables_at_once(database: Database, now: datetime) -> None:
    happen(database)
    assert fail(database, claimed(database, now), now, Failure("HTTP 410", gone=True)).disabled
    assert row(database)["due"] == 1


def test_one_event_that_is_never_taken_is_given_up_where_others_are(database: Database, now: datetime) -> None:
    event = happen(database)
    poison = claimed(database, now)
    happen(database)
    deliver(database, claimed(database, now), now)
    found = fail(database, poison, now, again=None)
    assert (found.given_up, found.disabled) == (True, False)
    assert outcomes(database)[event, "ops"] == "given_up"
    assert (row(database)["due"], row(database)["given_up"], row(database)["state"]) == (0, 1, "active")


def test_an_unknown_webhook_is_said_to_be(database: Database, now: datetime) -> None:
    unknown = pytest.raises(ConfigurationError, match="There is no webhook 'none' in the database")
    with unknown, database.write() as connection:
        standing.enable(connection, "none", now, ANN)
    with unknown, database.write() as connection:
        standing.forget(connection, "none", ANN)


def test_what_no_server_declares_any_more_goes_with_what_it_is_due(database: Database, now: datetime) -> None:
    declare(database, now - PATIENCE - DAY, "left")
    happen(database)
    with database.write() as connection:
        assert standing.forget_undeclared(connection, now - PATIENCE) == ["left"]
        assert outbox.count_due(connection) == {"ops": 2}  # and of the removal it was told
        (removed,) = events.page(connection, kind="webhook_removed")
    assert (removed.before, removed.actor) == ({"name": "left", "due": 1}, "webhooks")


def test_declared_again_it_is_as_it_was(database: Database, now: datetime) -> None:
    happen(database)
    fail(database, claimed(database, now), now, Failure("HTTP 410", gone=True))
    declare(database, now + DAY, kinds=["alias_moved"])
    assert (row(database)["state"], row(database)["kinds"], row(database)["declared_at"]) == (
        "disabled",
        ["alias_moved"],
        now + DAY,
    )


def test_what_is_over_is_swept_out_and_what_waits_stays(database: Database, now: datetime) -> None:
    declare(database, now, "disabled")
    delivered, waits = happen(database), happen(database)
    deliver(database, claimed(database, now), now)
    fail(database, Claim("disabled", waits, 0, now), now, Failure("HTTP 410", gone=True))
    with database.write() as connection:
        connection.execute(deliveries.insert().values(event_id=waits, webhook="nobody", **_DUE, next_at=now))
        outbox.sweep(connection, now - DAY)
    disabled = {(event, "disabled"): "due" for event in (delivered, waits)}
    ops = {key: state for key, state in outcomes(database).items() if key[1] == "ops"}
    assert outcomes(database) == {**ops, **disabled}
    assert len(ops) == 3  # and of the other's end
    with database.write() as connection:
        outbox.sweep(connection, now + DAY)
    assert outcomes(database) == {key: "due" for key in ops if key[0] != delivered}


_DUE = {"state": "due", "attempts": 0, "last_error": ""}
