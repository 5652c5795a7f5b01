"""The schema of a stream: which columns it has, and what reads each."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from mlserve.arrow import kinds
from mlserve.arrow.flat import BYTE, INT, LONG, SHORT, Table
from mlserve.arrow.part import damaged
from mlserve.arrow.reading import Coded, FixedBytes, FixedLists, Lists, Nothing, Numbers, Reader, Texts, Truths, Views
from mlserve.errors import Unreadable, UnsupportedMediaType

SCHEMA: Final = 1  # the number of the message's kind

_LITTLE = 0
_DEEPEST = 40  # lists in lists; numpy has 64 axes
_MOST_FIELDS = 20_000  # those in lists too
_FLOATS = ("<f2", "<f4", "<f8")
_OFFSETS, _LARGE_OFFSETS = np.dtype("<i4"), np.dtype("<i8")


class FieldPlan(NamedTuple):
    """One column that is to be read; `reader` is None where its type, which is called `kind`, is not read."""

    name: str
    kind: str
    reader: Reader | None


class Plan(NamedTuple):
    """What a stream has: its columns, and the readers of its dictionaries by their ids."""

    columns: tuple[FieldPlan, ...]
    dictionaries: Mapping[int, Reader]


@lru_cache(maxsize=16)
def known_plan(metadata: bytes) -> Plan:
    """As `plan_of`: a caller who sends many streams sends the same schema with each."""
    return plan_of(metadata)


def plan_of(metadata: bytes) -> Plan:
    """The plan of a schema's message. Raises Unreadable, UnsupportedMediaType, and `struct.error` for other bytes."""
    message = Table.root(metadata)
    schema = message.table(2)
    if message.number(1, BYTE) != SCHEMA or schema is None:
        raise damaged("it does not begin with a schema")
    if schema.number(0, SHORT) != _LITTLE:
        raise UnsupportedMediaType("The Arrow stream is of a big-endian machine; write it as little-endian.")
    return _Planning(len(metadata)).plan(schema)


class _Planning:
    """Makes a plan of a schema of so many bytes: what is referred to often could be far more than it is long."""

    def __init__(self, size: int) -> None:
        self._fields_left = _MOST_FIELDS
        self._letters_left = size
        self._dictionaries: dict[int, Reader] = {}

    def plan(self, schema: Table) -> Plan:
        return Plan(tuple(self._column(field) for field in schema.tables(1)), self._dictionaries)

    def _column(self, field: Table) -> FieldPlan:
        kind, name = _name_of(field), field.text(0)
        self._letters_left -= len(name)
        if self._letters_left < 0:
            raise damaged("its schema has more names than it has room for")
        return FieldPlan(name, kind if field.table(4) is None else f"dictionary of {kind}", self._reader(field, 0))

    def _reader(self, field: Table, depth: int) -> Reader | None:
        self._fields_left -= 1
        if self._fields_left < 0 or depth > _DEEPEST:
            raise Unreadable(f"The Arrow stream has more than {_MOST_FIELDS:,} fields, or lists nested too deep.")
        coding = field.table(4)
        found = self._plain(field, depth)
        if coding is None or found is None:
            return found
        codes = _whole_numbers(coding.table(1))
        if codes is None or not isinstance(found, Numbers | Truths | Texts | Views | FixedBytes):
            return None
        identity = coding.number(0, LONG)
        self._dictionaries[identity] = found
        return Coded(identity, codes)

    def _plain(self, field: Table, depth: int) -> Reader | None:
        """What reads the field's own type."""
        kind, about = field.number(2, BYTE), field.table(3)
        if kind in _SIMPLE:
            return _SIMPLE[kind]()
        if kind == kinds.INT:
            return _whole_numbers(about)
        if kind == kinds.FLOAT:
            precision = 0 if about is None else about.number(0, SHORT)
            return Numbers(np.dtype(_FLOATS[precision])) if 0 <= precision < len(_FLOATS) else None
        if kind == kinds.FIXED_SIZE_BINARY:
            return FixedBytes(_size(about))
        if kind in (kinds.LIST, kinds.LARGE_LIST, kinds.FIXED_SIZE_LIST):
            items = self._only_child(field, depth)
            if items is None:
                return None
            if kind == kinds.FIXED_SIZE_LIST:
                return FixedLists(items, _size(about))
            return Lists(items, _OFFSETS if kind == kinds.LIST else _LARGE_OFFSETS)
        return None

    def _only_child(self, field: Table, depth: int) -> Reader | None:
        children = [self._reader(child, depth + 1) for child in field.tables(5)]
        if len(children) != 1:
            raise damaged("a list is of not one type")
        return children[0]


_SIMPLE: Mapping[int, Callable[[], Reader]] = {
    kinds.NULL: Nothing,
    kinds.BOOL: Truths,
    kinds.UTF8: lambda: Texts(_OFFSETS, text=True),
    kinds.LARGE_UTF8: lambda: Texts(_LARGE_OFFSETS, text=True),
    kinds.BINARY: lambda: Texts(_OFFSETS, text=False),
    kinds.LARGE_BINARY: lambda: Texts(_LARGE_OFFSETS, text=False),
    kinds.UTF8_VIEW: lambda: Views(text=True),
    kinds.BINARY_VIEW: lambda: Views(text=False),
}


def _whole_numbers(about: Table | None) -> Numbers | None:
    """What reads whole numbers; where nothing is said of a dictionary's codes, they have 32 bits."""
    bits, signed = (32, True) if about is None else (about.number(0, INT), bool(about.number(1, BYTE)))
    return Numbers(np.dtype(f"<{'i' if signed else 'u'}{bits // 8}")) if bits in (8, 16, 32, 64) else None


def _size(about: Table | None) -> int:
    size = 0 if about is None else about.number(0, INT)
    if size < 0:
        raise damaged("a size is below 0")
    return size


def _name_of(field: Table) -> str:
    kind = field.number(2, BYTE)
    about: Any = field.table(3)
    name = kinds.NAMES.get(kind, f"type {kind}")
    if kind == kinds.INT and (reader := _whole_numbers(about)) is not None:
        return reader.dtype.name
    return name
