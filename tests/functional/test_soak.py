"""The soak of `make soak`, for seconds; and what it must see when something is wrong."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from mlserve.server.workers.section import Section
from tests.factories import linear_model, serving, settings_of
from tests.soak import watching
from tests.soak.checks import check_log
from tests.soak.ledger import Happening, Ledger, Told, explanation
from tests.soak.models import Versions
from tests.soak.run import Soak, soak
from tests.soak.schedule import schedule
from tests.soak.watching import MIB, Sample

KILLED = Happening("kill_worker", 10.0, 12.0, frozenset({4711}))
DATABASE = Happening("database", 20.0, 22.0)
RELOAD = Happening("reload", 30.0, 35.0)
END = Happening("end", 40.0, 41.0)
ALL = (KILLED, DATABASE, RELOAD, END)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)])
def test_a_short_soak(tmp_path: Path, database: str) -> None:
    report = soak(Soak(seconds=6.0, database=database, seed=1, clients=1, threads=2), tmp_path)
    print(*report.lines, sep="\n")
    assert report.reasons == []


def told(at: float, kind: str = "one", **more: object) -> Told:
    return Told(at, at + 0.1, kind, "line", 0, 1, port=4711, **more)  # type: ignore[arg-type]


def test_a_failure_is_explained_by_what_was_done_and_by_nothing_else() -> None:
    failures = [
        (told(9.95, stage="asked"), "kill_worker"),
        (told(9.95, stage="answering"), "kill_worker"),
        (told(9.0, stage="asked"), None),
        (told(15.0, stage="asked"), None),
        (told(10.5, stage="connect"), None),
        (told(21.0, "keyed", status=503, code="database_unavailable"), "database"),
        (told(21.0, "actual", status=503, code="database_unavailable"), "database"),
        (told(21.0, "keyed", status=503, code="busy"), None),
        (told(21.0, "one", status=503, code="database_unavailable"), None),
        (told(35.0, "keyed", status=503, code="database_unavailable"), None),
        (told(31.0, stage="asked"), "reload"),
        (told(31.0, stage="answering"), None),
        (told(40.5, stage="connect"), "end"),
        (told(40.5, stage="answering"), None),
    ]
    for failure, why in failures:
        assert explanation(failure, ALL) == why, failure


def test_a_connection_of_another_worker_has_no_excuse() -> None:
    failure = told(10.5, stage="asked")
    failure.port = 4712
    assert explanation(failure, [KILLED]) is None


def test_the_ledger_tells_what_cannot_be() -> None:
    ledger = Ledger(ALL)
    ledger.add(told(1.0, status=200, id="a", version=1))
    ledger.add(told(2.0, status=200, id="a", version=1))
    ledger.add(told(3.0, "keyed", status=200, id="b", key="k"))
    ledger.add(told(4.0, "keyed", status=200, id="c", key="k"))
    ledger.add(told(5.0, "bad", status=500, wrong="500"))
    ledger.add(told(6.0, stage="asked"))
    ledger.add(told(9.95, stage="asked"))
    assert len(ledger.reasons) == 4
    assert (ledger.unknown, ledger.explained) == (2, {"kill_worker": 1})
    assert ledger.answered.keys() == {"a", "b", "c"}


def test_sql_is_compared_with_what_was_told(tmp_path: Path) -> None:
    rows = [{"x": 1.0, "y": 2.0}, {"x": 0.5, "y": 0.0}, {"x": 0.0, "y": 0.0}]
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)})) as app:
        made = [app.predict("line", rows[start : start + 2]).json for start in (0, 1)]
        app.put_json(f"/api/v1/models/line/predictions/{made[0]['id']}/actuals", {"actuals": {"value": [1.0, 2.0]}})
    answers = [*made[0]["outputs"], made[1]["outputs"][1]]
    models = {"line": Versions(tmp_path, tmp_path, rows, [answers])}

    def wrong_with(*telling: Told) -> list[str]:
        ledger = Ledger([])
        for one in telling:
            ledger.add(one)
        return check_log(f"sqlite:///{tmp_path}/var/mlserve.db", tmp_path / "var", ledger, models)[1]

    first, second = (
        Told(0, 1, "many", "line", start, 2, status=200, id=one["id"], version=1) for start, one in enumerate(made)
    )
    actual = Told(1, 2, "actual", "line", 0, 2, status=200, id=first.id, version=1)
    assert wrong_with(first, second, actual) == []
    assert "SQL that nobody was answered" in wrong_with(first, actual)[0]
    assert "not in SQL" in wrong_with(first, second, actual, replace(first, id="lost"))[0]
    assert "other inputs" in wrong_with(replace(first, start=1), second, actual)[0]
    assert "line 1, 2 instances" in wrong_with(replace(first, version=2), second, actual)[0]
    assert "1 stored, 0 taken" in wrong_with(first, second)[0]
    assert "1 stored, 2 taken" in wrong_with(first, second, actual, actual)[0]
    answers[0] = {"value": -1.0}
    assert "other outputs" in wrong_with(first, second, actual)[0]


def test_the_same_seed_is_the_same_schedule_and_all_is_done_at_least_once() -> None:
    short, long = schedule(7, 10, ("lock",)), schedule(7, 300, ("crash", "hang"))
    assert short == schedule(7, 10, ("lock",)) != schedule(8, 10, ("lock",))
    for made, seconds in ((short, 10), (long, 300)):
        assert {due.what for due in made} >= {"kill_worker", "kill_background", "reload", "promote"}
        assert made == sorted(made)
        assert 0.1 * seconds <= made[0].at <= made[-1].at <= 0.6 * seconds
    assert {due.what for due in long} >= {"crash", "hang"}
    away = [due.lasting for due in long if due.lasting]
    assert min(away) < 3 < Section().patience < max(away)
    assert max(due.lasting for due in short) < 3


def test_what_grows_is_told() -> None:
    flat = [Sample(float(at), 100 * MIB, 0, 20 + at % 3) for at in range(40)]
    growing = [Sample(float(at), (100 + at) * MIB, 0, 20 + at) for at in range(40)]
    assert watching.growth(flat, 0.0) == (0, 0)
    assert watching.growth(growing, 0.0) == (30 * MIB, 30)
    assert watching.growth(growing, 38.0) is None
