"""An insert compiled once and handed to the driver, for the statements that run for every prediction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

# How many choices of columns an insert is kept compiled for; there are as many as kinds of rows, which are few.
_CHOICES = 64


def insert_into(table: Table, dialect: str) -> Any:
    """The dialect's own insert, which knows ON CONFLICT."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


class CompiledInsert:
    """A Core insert with its types' conversions worked out once, and its SQL text once for each choice of columns.

    Rows, of which there is one at least, are sequences of values in the order of `columns`, none of which may have a
    default. A column without a value in any of the rows is left out: SQLite's driver takes 1.5 µs for each NULL.
    """

    def __init__(self, statement: Insert, engine: Engine, columns: Sequence[str]) -> None:
        self._statement = statement
        self._engine = engine
        self._columns = tuple(columns)
        processors: Mapping[str, Callable[[Any], Any]] = self._compile(self._columns)._bind_processors
        self._converters = [processors.get(name) for name in columns]
        self._text = lru_cache(_CHOICES)(self._text_of)

    def one(self, connection: Connection, row: Sequence[Any]) -> int:
        """Inserts one row; how many rows were stored (0 after ON CONFLICT DO NOTHING)."""
        sql, (parameters,) = self._prepared([row])
        return connection.exec_driver_sql(sql, parameters).rowcount

    def many(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        connection.exec_driver_sql(*self._prepared(rows))

    def copy(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """PostgreSQL only: the rows by COPY, at half the cost of `many`, with nothing done about conflicts.

        Raises the driver's own errors. To be run in a savepoint, with `many` to follow if it fails.
        """
        values = self._values(rows)
        sql = f"COPY {self._statement.table.name} ({', '.join(values)}) FROM STDIN"
        with connection.connection.cursor() as cursor, cursor.copy(sql) as copy:  # type: ignore[attr-defined]
            for row in zip(*values.values(), strict=True):
                copy.write_row(row)

    def _prepared(self, rows: Iterable[Sequence[Any]]) -> tuple[str, list[Any]]:
        """The SQL text for these rows, and the parameters of each as the driver takes them."""
        values = self._values(rows)
        sql, order = self._text(tuple(values))
        if order is None:
            return sql, [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        return sql, list(zip(*[values[name] for name in order], strict=True))

    def _values(self, rows: Iterable[Sequence[Any]]) -> dict[str, Sequence[Any]]:
        """The values of each column that has any, as the driver takes them."""
        values: dict[str, Sequence[Any]] = {}
        for name, convert, found in zip(self._columns, self._converters, zip(*rows, strict=True), strict=True):
            # Nearly always the first value tells; to compare each with None costs a tenth of the insert.
            if found[0] is not None or found.count(None) < len(found):
                values[name] = found if convert is None else list(map(convert, found))
        return values

    def _text_of(self, columns: tuple[str, ...]) -> tuple[str, list[str] | None]:
        """SQL for these columns alone, and their order in it; None where the driver takes them by name."""
        compiled = self._compile(columns)
        return str(compiled), compiled.positiontup if compiled.positional else None

    def _compile(self, columns: Sequence[str]) -> Any:
        return self._statement.compile(self._engine, column_keys=list(columns))
