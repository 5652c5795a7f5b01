"""Tables of the families' own that the log fills beside table `predictions`: they keep the explanations.

The rows of a prediction are written in the transaction that writes the prediction, whatever the log's way, and are
deleted with it.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import msgspec
from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mlserve.db.insert import insert_into
from mlserve.db.types import JsonText, UuidText
from mlserve.predictions.record import PredictionRecord

__all__ = ["FamilyTables", "JsonText", "PredictionRecord", "PredictionTable", "Refused", "Rows", "UuidText"]

log = logging.getLogger("mlserve.log")


class PredictionTable(Protocol):
    """What a family gives `config.add_prediction_table`: a table, and how explanations become its rows and come back.

    The table's primary key has a column `prediction_id` (of the type `UuidText`), by which it is read and purged.
    """

    table: Table

    def rows(self, record: PredictionRecord) -> list[dict[str, Any]]:
        """The rows that keep `record.explanation`, a JSON text; each has a value, or None, for every column."""

    def explanation(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """The JSON text of the explanation that these rows keep, in the order of the table's primary key."""


class Refused(ValueError):
    """A family's table cannot keep an explanation; `str()` is the reason, for the server's log."""


class _Stored(msgspec.Struct):
    """As much of an explanation's JSON as must be there for anything to be made of it."""

    method: str
    scale: str
    instances: list[msgspec.Raw]


_read_stored = msgspec.json.Decoder(_Stored).decode


class Rows(NamedTuple):
    """Rows on their way into one table."""

    table: Table
    rows: list[dict[str, Any]]


class FamilyTables:
    """The tables of all families that brought one, by the family's name."""

    def __init__(self, tables: Mapping[str, PredictionTable], dialect: str) -> None:
        self._tables = dict(tables)
        self._inserts = {
            found.table: insert_into(found.table, dialect).on_conflict_do_nothing() for found in tables.values()
        }

    def __contains__(self, family: object) -> bool:
        return family in self._tables

    def __iter__(self) -> Iterator[Table]:
        return iter(self._inserts)

    def rows(self, record: PredictionRecord) -> Rows | None:
        """The rows that keep the record's explanation; None if it has none. Raises Refused, whatever the family did."""
        if record.explanation is None:
            return None
        found = self._tables.get(record.family)
        if found is None:
            raise Refused(f"no enabled plugin brings a table for the explanations of family {record.family}")
        try:
            rows = found.rows(record)
        except Exception as error:
            raise Refused(f"the table of family {record.family} cannot keep it: {error!r}") from error
        columns = set(found.table.c.keys())
        # Of rows with other columns than the first, an insert of many would leave out what it does not expect.
        if any(row.keys() != columns for row in rows):
            raise Refused(f"the rows of family {record.family} have other columns than table {found.table.name}")
        return Rows(found.table, rows)

    def insert(self, connection: Connection, many: Iterable[Rows | None]) -> None:
        """Insert the rows of predictions; those that are there already stay as they are. Raises Refused."""
        together: dict[Table, list[dict[str, Any]]] = {}
        for one in many:
            if one is not None:
                together.setdefault(one.table, []).extend(one.rows)
        for table, rows in together.items():
            if rows:
                self._insert(connection, table, rows)

    def _insert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        try:
            connection.execute(self._inserts[table], rows)
        except DBAPIError:
            raise
        except SQLAlchemyError as error:
            # Values without a conversion: the database was not even asked.
            raise Refused(f"the rows do not fit table {table.name}: {error}") from error

    def explanation(self, connection: Connection, record: PredictionRecord) -> msgspec.Raw | None:
        """The explanation that the family's table keeps of a prediction; None if there is none.

        None too where the family cannot read its rows, whatever it did: the log says why.
        """
        found = self._tables.get(record.family)
        if found is None:
            return None
        table = found.table
        query = select(table).where(table.c.prediction_id == record.id).order_by(*table.primary_key.columns)
        result = connection.execute(query).mappings()
        try:
            rows = result.all()
            return _checked(found.explanation(cast(Sequence[Mapping[str, Any]], rows)), record.n) if rows else None
        except DBAPIError:
            raise
        except Exception as error:
            fields = {"prediction": record.id, "family": record.family}
            log.error("explanation_unreadable", extra={"fields": fields}, exc_info=error)
            return None

    def delete(self, connection: Connection, ids: Sequence[str]) -> None:
        """Delete the rows of these predictions, of whatever family."""
        for table in self:
            connection.execute(delete(table).where(table.c.prediction_id.in_(ids)))


def _checked(text: bytes, n: int) -> msgspec.Raw:
    """The JSON text of an explanation of `n` instances. Raises ValueError for any other."""
    instances = len(_read_stored(text).instances)
    if instances != n:
        raise ValueError(f"it is of {instances} instances, and the prediction of {n}")
    return msgspec.Raw(text)
