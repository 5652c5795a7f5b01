"""An insert compiled once and handed to the driver, for the statements that run for every prediction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(table: Table, dialect: str) -> Any:
    """The dialect's own insert, which knows ON CONFLICT."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


class CompiledInsert:
    """A Core insert with its SQL text and its types' conversions worked out once; much less work than the usual way.

    Rows are sequences of values in the order of `columns`.
    """

    def __init__(self, statement: Insert, engine: Engine, columns: Sequence[str]) -> None:
        compiled: Any = statement.compile(engine, column_keys=list(columns))
        processors: Mapping[str, Callable[[Any], Any]] = compiled._bind_processors
        self._sql = str(compiled)
        self._columns = tuple(columns)
        self._converted = [(place, processors[name]) for place, name in enumerate(columns) if name in processors]
        self._order = [self._columns.index(name) for name in compiled.positiontup] if compiled.positional else None
        self._copy = f"COPY {statement.table.name} ({', '.join(columns)}) FROM STDIN"

    def one(self, connection: Connection, row: Sequence[Any]) -> int:
        """Inserts one row; how many rows were stored (0 after ON CONFLICT DO NOTHING)."""
        return connection.exec_driver_sql(self._sql, self._parameters(row)).rowcount

    def many(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        connection.exec_driver_sql(self._sql, [self._parameters(row) for row in rows])

    def copy(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """PostgreSQL only: the rows by COPY, at half the cost of `many`, with nothing done about conflicts.

        Raises the driver's own errors. To be run in a savepoint, with `many` to follow if it fails.
        """
        with connection.connection.cursor() as cursor, cursor.copy(self._copy) as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row(self._values(row))

    def _parameters(self, row: Sequence[Any]) -> Any:
        values = self._values(row)
        if self._order is None:
            return dict(zip(self._columns, values, strict=True))
        return tuple([values[place] for place in self._order])

    def _values(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for place, convert in self._converted:
            if values[place] is not None:
                values[place] = convert(values[place])
        return values
