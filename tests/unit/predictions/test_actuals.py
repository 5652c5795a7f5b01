"""Actuals are added, never overwritten, in one order even when two report at once."""

import threading

from mlserve.db.engine import Database
from mlserve.predictions import actuals
from tests.unit.predictions.factories import new_id


def test_each_report_is_a_revision_and_the_last_is_current(database: Database) -> None:
    prediction_id = new_id()
    with database.write() as connection:
        first = actuals.put(connection, prediction_id, "m", {"p": [1, None]}, caller="shop", request_id="r-1")
    with database.write() as connection:
        second = actuals.put(connection, prediction_id, "m", {"p": [1, 0]})
    assert (first.revision, second.revision) == (1, 2)
    with database.read() as connection:
        assert actuals.current(connection, prediction_id) == second
        assert actuals.history(connection, prediction_id) == [second, first]
    assert (first.actuals, first.caller, first.request_id) == ({"p": [1, None]}, "shop", "r-1")
    assert first.created_at < second.created_at


def test_predictions_do_not_share_revisions(database: Database) -> None:
    with database.write() as connection:
        revisions = [actuals.put(connection, new_id(), "m", {"p": [1]}).revision for _ in range(3)]
    assert revisions == [1, 1, 1]


def test_nothing_is_known_of_a_prediction_without_a_report(database: Database) -> None:
    with database.read() as connection:
        assert actuals.current(connection, new_id()) is None
        assert actuals.history(connection, new_id()) == []


def test_reports_at_the_same_time_all_count(database: Database) -> None:
    prediction_id = new_id()
    ready = threading.Barrier(4)

    def report(value: int) -> None:
        ready.wait()
        for _ in range(10):
            with database.write() as connection:
                actuals.put(connection, prediction_id, "m", {"p": [value]})

    threads = [threading.Thread(target=report, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        revisions = [one.revision for one in actuals.history(connection, prediction_id)]
    assert revisions == list(range(40, 0, -1))
