"""Column types with one behaviour on SQLite and PostgreSQL: UTC times, UUID text, JSON text."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine, UserDefinedType

Processor = Callable[[Any], Any]

_TEXTS = (msgspec.Raw, bytes)  # not `Raw | bytes`, which would be made anew for each value


class UtcTime(UserDefinedType[datetime]):
    """An aware datetime. PostgreSQL: timestamptz. SQLite: ISO text that ends in `Z`, in microseconds.

    Also takes a text of exactly that form, unchecked: the prediction log makes its own.
    """

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Processor:
        return _checked_time if dialect.name == "postgresql" else utc_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _in_utc if dialect.name == "postgresql" else _time_from_text


class UuidText(UserDefinedType[str]):
    """A UUID as its canonical lower-case text. PostgreSQL: uuid. SQLite: text."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor | None:
        return _optional_text if dialect.name == "postgresql" else None


class JsonText(UserDefinedType[Any]):
    """JSON kept as the text that was written. PostgreSQL: json (jsonb would turn -0.0 into 0.0). SQLite: text.

    Takes `msgspec.Raw` and bytes as JSON text that is already encoded, anything else as a value to encode. Gives Python
    values, or with `raw=True` the text itself as `msgspec.Raw`.
    """

    cache_ok = True

    def __init__(self, raw: bool = False) -> None:
        self.raw = raw

    def bind_processor(self, dialect: Dialect) -> Processor:
        return json_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _raw if self.raw else _decoded


class UtcNow(FunctionElement[datetime]):
    """The database's own clock, as a server default of a `UtcTime` column."""

    inherit_cache = True


@compiles(UtcTime, "postgresql")
def _timestamptz(element: TypeEngine[Any], compiler: Any, **kw: Any) -> str:
    return "TIMESTAMP WITH TIME ZONE"


@compiles(UuidText, "postgresql")
def _uuid(element: TypeEngine[Any], compiler: Any, **kw: Any) -> str:
    return "UUID"


@compiles(JsonText, "postgresql")
def _json(element: TypeEngine[Any], compiler: Any, **kw: Any) -> str:
    return "JSON"


# SQLite gives a column declared JSON numeric affinity, which would rewrite a bare number.
@compiles(UtcTime, "sqlite")
@compiles(UuidText, "sqlite")
@compiles(JsonText, "sqlite")
def _text(element: TypeEngine[Any], compiler: Any, **kw: Any) -> str:
    return "TEXT"


@compiles(UtcNow, "postgresql")
def _postgresql_now(element: UtcNow, compiler: Any, **kw: Any) -> str:
    return "clock_timestamp()"


@compiles(UtcNow, "sqlite")
def _sqlite_now(element: UtcNow, compiler: Any, **kw: Any) -> str:
    # SQLite's clock has three digits of a second; filled up to six, all texts of a column sort by time.
    return "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"


def utc_text(value: datetime | str | None) -> str | None:
    if value is None or isinstance(value, str):
        return value
    aware: datetime = _checked_time(value)
    # Always six digits, because texts of unequal length would not sort by time; strftime takes ten times as long.
    return aware.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def json_text(value: Any) -> str | None:
    """The JSON text of a value; `msgspec.Raw` and bytes are that text already. Raises UnicodeDecodeError."""
    if value is None:
        return None
    if not isinstance(value, _TEXTS):
        value = msgspec.json.encode(value)
    return str(value, "utf-8")


def _checked_time(value: datetime | str | None) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"A time without a time zone cannot be stored: {value}.")
    return value


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _time_from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _optional_text(value: object | None) -> str | None:
    return None if value is None else str(value)


def _raw(value: bytes | str | None) -> msgspec.Raw | None:
    if value is None:
        return None
    return msgspec.Raw(value.encode() if isinstance(value, str) else value)


def _decoded(value: bytes | str | None) -> Any:
    return None if value is None else msgspec.json.decode(value)
