"""The inserts of table `predictions`, as both ways of the log use them."""

from mlserve.db.engine import Database
from mlserve.db.insert import CompiledInsert, insert_into
from mlserve.predictions.record import ROW_COLUMNS
from mlserve.predictions.tables import predictions


def insert_new(database: Database, unique: list[str]) -> CompiledInsert:
    """The insert of a prediction that does nothing if one with the same values in the `unique` columns is there."""
    where = predictions.c.idempotency_key.is_not(None) if "idempotency_key" in unique else None
    statement = insert_into(predictions, database.dialect).on_conflict_do_nothing(
        index_elements=unique, index_where=where
    )
    return CompiledInsert(statement, database.engine, ROW_COLUMNS)
