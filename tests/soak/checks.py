"""After the end: what SQL, the spool, the log and the health say, against what the clients were told."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import text

from mlserve.db.engine import open_database
from mlserve.predictions import store
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.spool.gauge import SpoolGauge
from tests.functional.workers import Workers
from tests.soak.ledger import Ledger
from tests.soak.models import Versions

# How many of a kind are told one by one.
SOME = 5


def check_log(url: str, var: Path, ledger: Ledger, models: dict[str, Versions]) -> tuple[list[str], list[str]]:
    """Every answered prediction is in SQL exactly once, as it was asked and answered; what is there, what is wrong."""
    database = open_database(url, 30.0, bounded=False)
    try:
        backlog = SpoolGauge(var / "spool", database).read()
        with database.read() as connection:
            digests = {
                (row.model, row.number): row.digest
                for row in connection.execute(text("SELECT model, number, digest FROM versions"))
            }
            rows = connection.execute(text("SELECT count(*) FROM predictions")).scalar_one()
            instances = connection.execute(text("SELECT sum(n) FROM predictions")).scalar_one()
            query = text("SELECT CAST(prediction_id AS TEXT) AS id, count(*) AS n FROM actuals GROUP BY prediction_id")
            reported = Counter({row.id: row.n for row in connection.execute(query)})
            wrong: list[str] = []
            kept: set[str] = set()
            for model, versions in models.items():
                for record in store.walk_predictions(connection, model, limit=2**31 - 1):
                    kept.add(record.id)
                    wrong += _differences(record, versions, ledger, digests)
    finally:
        database.close()
    reasons = _some("records are not what was answered", wrong)
    reasons += _some("answered predictions are not in SQL", sorted(ledger.answered.keys() - kept))
    others = len(kept - ledger.answered.keys())
    if others > ledger.unknown:
        reasons.append(f"{others} predictions are in SQL that nobody was answered, of {ledger.unknown} that may be")
    if rows != len(kept):
        reasons.append(f"SQL has {rows} predictions, of which {len(kept)} have a model of ours")
    reasons += _some("actuals are not those that were reported", [*_misreported(ledger, reported)])
    if backlog.backlog_records or backlog.set_aside:
        reasons.append(f"the spool is not empty: {backlog}")
    told = (
        f"SQL: {rows} predictions of {instances} instances, {others} of them never answered; {reported.total()} actuals"
    )
    return [told], reasons


def _differences(
    record: PredictionRecord, versions: Versions, ledger: Ledger, digests: dict[tuple[str, int], str]
) -> Iterator[str]:
    if digests.get((record.model, record.version)) != record.digest:
        yield f"{record.id}: version {record.version} has another digest"
    told = ledger.answered.get(record.id)
    if told is None:
        return
    span = slice(told.start, told.start + told.rows)
    if (record.model, record.version, record.n) != (told.model, told.version, told.rows):
        yield f"{record.id}: {record.model} {record.version}, {record.n} instances"
    elif msgspec.json.decode(record.inputs_text()) != versions.rows[span]:
        yield f"{record.id}: other inputs"
    elif msgspec.json.decode(record.outputs) != versions.answers[record.version - 1][span]:
        yield f"{record.id}: other outputs"


def _misreported(ledger: Ledger, stored: Counter[str]) -> Iterator[str]:
    for identity in stored.keys() | ledger.reported.keys():
        least = ledger.reported[identity]
        if not least <= stored[identity] <= least + ledger.maybe_reported[identity]:
            yield f"{identity}: {stored[identity]} stored, {least} taken, {ledger.maybe_reported[identity]} open"


def check_lines(server: Workers, kills: int) -> tuple[list[str], list[str]]:
    """The log's errors are the deaths that were meant, and nothing else; what was warned of is counted."""
    events = [json.loads(line) for line in [*server.lines] if line.startswith("{")]
    levels = Counter((event["level"].upper(), event["event"]) for event in events)
    told = sorted(f"{name} {count}" for (level, name), count in levels.items() if level != "INFO")
    reasons = []
    deaths = [event for event in events if event["event"] == "process_died"]
    if [event["status"] for event in deaths] != [-9] * kills:
        reasons.append(f"{kills} processes were killed, and these died: {deaths}")
    errors = [event for event in events if event["level"].upper() == "ERROR" and event["event"] != "process_died"]
    reasons += _some("errors are in the log", [json.dumps(error)[:500] for error in errors])
    plain = [line for line in server.lines if not line.startswith("{") and not line.startswith("Serving on ")]
    reasons += _some("lines are no events", plain)
    return ["log: " + ", ".join(told)], reasons


def _some(what: str, found: list[str]) -> list[str]:
    return [f"{len(found)} {what}: {'; '.join(found[:SOME])}"] if found else []
