"""The prediction log's ways behind one interface: into SQL, through the spool, or nowhere."""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection

from mlserve.db.engine import Database
from mlserve.db.failures import is_broken_connection, is_data_error
from mlserve.db.insert import CompiledInsert
from mlserve.errors import DatabaseUnavailable, IdempotencyKeyReused, LogUnavailable
from mlserve.observability.counters import Counters
from mlserve.observability.health import Degraded
from mlserve.predictions import lookup, store
from mlserve.predictions.family_tables import FamilyTables
from mlserve.predictions.inserts import insert_new
from mlserve.predictions.record import PredictionRecord, encode, values
from mlserve.predictions.spool.gauge import SpoolGauge
from mlserve.predictions.spool.synced_writer import SyncedWriter
from mlserve.predictions.spool.writer import SpoolWriter
from mlserve.predictions.store import Known
from mlserve.turns import Turns

log = logging.getLogger("mlserve.log")


class PredictionLog(Protocol):
    """Keeps predictions before they are answered, and finds them again."""

    def keep(self, record: PredictionRecord) -> None:
        """Makes the record durable. Raises LogUnavailable or DatabaseUnavailable; then nothing is kept."""

    def keep_once(self, record: PredictionRecord) -> PredictionRecord:
        """Keeps a record with an idempotency key in SQL, whatever the way; the record that holds the key now.

        Raises IdempotencyKeyReused if the key came before with another body, DatabaseUnavailable, LogUnavailable.
        """

    def keyed(self, caller: str, model: str, key: str, body_digest: str | None) -> PredictionRecord | None:
        """The record that holds an idempotency key. Raises IdempotencyKeyReused if its body was another one."""

    def find(self, prediction_id: str) -> PredictionRecord | None:
        """The prediction of that id, also one that was just answered. Raises DatabaseUnavailable."""

    def explanation(self, record: PredictionRecord) -> msgspec.Raw | None:
        """The explanation that was stored with a prediction, as JSON; None if there is none that can be read.

        Raises DatabaseUnavailable.
        """

    def known(self, ids: Collection[str]) -> dict[str, Known]:
        """The model, version and number of instances of those that exist. Raises DatabaseUnavailable."""

    def state(self) -> dict[str, Any]:
        """What health shows of the log. Raises DatabaseUnavailable, Degraded or RuntimeError when it cannot keep."""

    def close(self) -> None: ...


class SqlLog:
    """Way `sql`: one insert, committed before the answer.

    With `answer_unkept`, a prediction that cannot be kept is counted as `log_drops` instead of refused. `folder` is the
    spool of a time when the way was another; what is not shipped of it is found too. `gauge` is for a process that
    ships nothing itself: then what is left there is shown here. `tables` keep the explanations.
    """

    def __init__(
        self,
        database: Database,
        *,
        tables: FamilyTables,
        folder: Path | None = None,
        answer_unkept: bool = False,
        counters: Counters,
        gauge: SpoolGauge | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._turns = turns or Turns()
        self._database = database
        self._tables = tables
        self._folder = folder
        self._answer_unkept = answer_unkept
        self._counters = counters
        self._gauge = gauge
        self._insert = insert_new(database, ["id"])
        self._insert_keyed = insert_new(database, ["caller", "model", "idempotency_key"])

    def keep(self, record: PredictionRecord) -> None:
        self._turns.leave()
        try:
            try:
                self._store(record)
            except DatabaseUnavailable as error:
                if not is_broken_connection(error):  # Who has waited for a lock must not wait for it twice.
                    raise
                # A connection that broke while it was idle is replaced now. Should the first commit have arrived
                # after all, the id is there and nothing happens.
                self._store(record)
        except (DatabaseUnavailable, LogUnavailable):
            if not self._answer_unkept:
                raise
            self._counters.add("log_drops")

    def keep_once(self, record: PredictionRecord) -> PredictionRecord:
        key = record.idempotency_key
        if key is None:
            raise ValueError("keep_once is for records with an idempotency key")
        self._turns.leave(apart=True)  # Predictions without a key may need no database.
        for _ in range(2):
            with self._database.write() as connection:
                if self._execute(self._insert_keyed, connection, record):
                    return record
                kept = store.get_keyed(connection, record.caller, record.model, key)
            if kept is not None:
                return _same_body(kept, record.body_digest)
            # The other record was purged between the two statements, so that now the key is free.
        raise LogUnavailable("The prediction's idempotency key was taken and freed again and again.", retry_after=1)

    def keyed(self, caller: str, model: str, key: str, body_digest: str | None) -> PredictionRecord | None:
        with self._database.read() as connection:
            kept = store.get_keyed(connection, caller, model, key)
        return None if kept is None else _same_body(kept, body_digest)

    def find(self, prediction_id: str) -> PredictionRecord | None:
        return lookup.find(self._database, self._folder, prediction_id)

    def explanation(self, record: PredictionRecord) -> msgspec.Raw | None:
        if record.explanation is not None:  # It came out of the spool.
            return record.explanation
        with self._database.read() as connection:
            return self._tables.explanation(connection, record)

    def known(self, ids: Collection[str]) -> dict[str, Known]:
        return lookup.known(self._database, self._folder, ids)

    def state(self) -> dict[str, Any]:
        return self._state("sql")

    def close(self) -> None:
        """Nothing to close: the database belongs to the application."""

    def _state(self, way: str) -> dict[str, Any]:
        return self._gauge.judged({"way": way} | self._gauge.read().as_dict()) if self._gauge else {"way": way}

    def _store(self, record: PredictionRecord) -> None:
        with self._database.write() as connection:
            self._execute(self._insert, connection, record)

    def _execute(self, insert: CompiledInsert, connection: Connection, record: PredictionRecord) -> int:
        try:
            stored = insert.one(connection, values(record))
            if stored and record.explanation is not None:
                self._tables.insert(connection, [self._tables.rows(record)])
            return stored
        except Exception as error:
            if is_data_error(error):
                log.error("record_refused", extra={"fields": {"record": record.id}}, exc_info=error)
                raise LogUnavailable("The database refuses the prediction's record; the log says why.") from error
            raise


class SpoolLog:
    """Ways `process` and `host`: one record appended to this worker's spool segment; the shipper brings it into SQL.

    The writer says what a record outlives: the process, or a power cut too. A record with an idempotency key goes into
    SQL, as with way `sql`. `gauge` is for a process that ships nothing itself: then the backlog is shown here. `tables`
    keep the explanations.
    """

    def __init__(
        self,
        way: str,
        writer: SpoolWriter,
        database: Database,
        folder: Path,
        *,
        tables: FamilyTables,
        answer_unkept: bool = False,
        counters: Counters,
        gauge: SpoolGauge | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._way = way
        self._append = writer.append
        self._writer = writer
        self._sql = SqlLog(database, tables=tables, folder=folder, answer_unkept=False, counters=counters, turns=turns)
        self._answer_unkept = answer_unkept
        self._counters = counters
        self._gauge = gauge

    def keep(self, record: PredictionRecord) -> None:
        try:
            self._append(encode(record))
        except LogUnavailable:
            if not self._answer_unkept:
                raise
            self._counters.add("log_drops")

    def keep_once(self, record: PredictionRecord) -> PredictionRecord:
        return self._sql.keep_once(record)

    def keyed(self, caller: str, model: str, key: str, body_digest: str | None) -> PredictionRecord | None:
        return self._sql.keyed(caller, model, key, body_digest)

    def find(self, prediction_id: str) -> PredictionRecord | None:
        return self._sql.find(prediction_id)

    def explanation(self, record: PredictionRecord) -> msgspec.Raw | None:
        return self._sql.explanation(record)

    def known(self, ids: Collection[str]) -> dict[str, Known]:
        return self._sql.known(ids)

    def state(self) -> dict[str, Any]:
        state = {"way": self._way} | (self._gauge.read().as_dict() if self._gauge else {})
        try:
            self._writer.check()
        except LogUnavailable as error:
            state["reason"] = str(error)
            raise (Degraded if self._answer_unkept else RuntimeError)(state) from error
        return self._gauge.judged(state) if self._gauge else state

    def close(self) -> None:
        self._writer.close()


class NullLog(SqlLog):
    """Way `off`: keeps nothing but the predictions that carry an idempotency key, which SQL must know."""

    def keep(self, record: PredictionRecord) -> None:
        """Nothing is kept, and nothing can fail."""

    def state(self) -> dict[str, Any]:
        return self._state("off")


def open_log(
    way: str,
    database: Database,
    folder: Path,
    *,
    tables: FamilyTables,
    segment_size: int = 64 * 1024 * 1024,
    answer_unkept: bool = False,
    counters: Counters,
    gauge: SpoolGauge | None = None,
    turns: Turns | None = None,
) -> PredictionLog:
    """The log of way `sql`, `process`, `host` or `off`, with the spool in `folder`; nothing is opened or made yet.

    Whoever waits in it for a disk or the database leaves its turn of `turns`.
    """
    more: dict[str, Any] = {
        "tables": tables,
        "answer_unkept": answer_unkept,
        "counters": counters,
        "gauge": gauge,
        "turns": turns,
    }
    if way in ("process", "host"):
        writer = SyncedWriter(folder, segment_size, turns) if way == "host" else SpoolWriter(folder, segment_size)
        return SpoolLog(way, writer, database, folder, **more)
    return (NullLog if way == "off" else SqlLog)(database, folder=folder, **more)


def _same_body(kept: PredictionRecord, body_digest: str | None) -> PredictionRecord:
    if kept.body_digest != body_digest:
        raise IdempotencyKeyReused(
            f"The Idempotency-Key {kept.idempotency_key!r} came before with another body;"
            " use a new key for a new request."
        )
    return kept
