"""The fast decoder: msgspec types compiled once from a signature.

It accepts nothing that the Colander schema refuses, and gives the same values. It may refuse more: then the schema
decides (`Decoder`). A refusal is one of REFUSALS and does not say what was wrong.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mlserve.signature.base64 import NotBase64, read_base64
from mlserve.signature.fields import ANY_SIZE, BINARY, FLOATS, INTEGERS, TEXTS, Field, Signature
from mlserve.signature.packing import Row
from mlserve.signature.ranges import Range, inside_as_doubles, range_of

# msgspec matches keys one after the other: with shuffled keys a struct of 5,000 fields takes 46 ms, a dict 4.
STRUCT_FIELDS = 200
NUL_ESCAPE = b"\\u0000"

_POSITIONAL = re.compile(rb"\s*\[\s*\[").match
_UNNAMEABLE = re.compile(r'["\\\x00-\x1f]').search

Reader = Callable[[bytes], Sequence[Row]]


class Refused(Exception):
    """The request is not one that the fast decoder takes."""


REFUSALS = (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class FastDecoder:
    """The three body forms of one signature. Each method raises one of REFUSALS when the schema must decide."""

    def __init__(self, signature: Signature, max_instances: int, struct_fields: int = STRUCT_FIELDS) -> None:
        fields = signature.inputs
        types = [value_type(field) for field in fields]
        some = Meta(min_length=1, max_length=max_instances)
        columns = [Annotated[list[type_], some] for type_ in types]  # type: ignore[valid-type]
        build = _builder(signature, struct_fields)
        self.by_struct = build is _struct_reader
        self._objects = build(fields, types, some)
        self._columns = build(fields, columns, None)
        self._body = _body_reader(fields, types, some) if self.by_struct else None
        self._positional: Reader = msgspec.json.Decoder(Annotated[list[tuple[tuple(types)]], some]).decode  # type: ignore[misc]
        self._row_types: dict[type, Any] = {list: tuple[tuple(types)]}  # type: ignore[misc]
        if self.by_struct:
            self._row_types[dict] = instance_struct(fields, types)
        self._has_text = any(field.type in TEXTS for field in fields)
        self._whole = _WholeNumbers(fields) if any(field.type in INTEGERS for field in fields) else None
        finished = {at: finish for at, field in enumerate(fields) if (finish := _finisher(field)) is not None}
        self._finishing = _Finishing(finished) if finished else None

    def instances(self, raw: bytes) -> Sequence[Row]:
        """The rows of the raw JSON text of `instances`, in signature order."""
        if self.may_hold_nul(raw):
            raise Refused
        rows = self._positional(raw) if _POSITIONAL(raw) else self._objects(raw)
        return self._finished(rows)

    def body(self, raw: bytes) -> tuple[Sequence[Row], str | None, bool]:
        """The rows of a request's whole body, in one pass over it, with its `reference` and whether it asks to explain.

        Only where the instances are objects.
        """
        if self._body is None or self.may_hold_nul(raw):
            raise Refused
        rows, reference, explain = self._body(raw)
        return self._finished(rows), reference, explain

    def columns(self, raw: bytes) -> list[Sequence[Any]]:
        """The columns of the raw JSON text of `columns`, in signature order."""
        if self.may_hold_nul(raw):
            raise Refused
        (given,) = self._columns(raw)
        return self.finished_columns(given)

    def finished_columns(self, given: Sequence[Sequence[Any] | None]) -> list[Sequence[Any]]:
        """Columns as msgspec gives them, None for one that is absent: of one length, and of the fields' own values."""
        lengths = {len(column) for column in given if column is not None}
        if len(lengths) != 1:
            raise Refused
        absent = [None] * lengths.pop()
        columns = [absent if column is None else column for column in given]
        if self._finishing:
            columns = self._finishing.columns(columns)
        return self._whole.columns(columns) if self._whole else columns

    def _finished(self, rows: Sequence[Row]) -> Sequence[Row]:
        if self._finishing:
            rows = self._finishing.rows(rows)
        return self._whole.rows(rows) if self._whole else rows

    def parsed_row(self, item: object) -> Row | None:
        """The row of one instance that is parsed already, or None when the schema must decide.

        The walk asks here first, so that one bad instance among 10,000 does not cost the others a full check. The
        texts in it must be free of NUL (`may_hold_nul`).
        """
        row_type = self._row_types.get(type(item))
        if row_type is None:
            return None
        try:
            row = msgspec.convert(item, row_type)
            return self._finished([row if isinstance(row, tuple) else msgspec.structs.astuple(row)])[0]
        except (msgspec.ValidationError, Refused):
            return None

    def may_hold_nul(self, raw: bytes) -> bool:
        # JSON can write NUL in no other way. An escaped backslash before `u0000` is left for the schema to tell apart.
        # One byte is found ten times as fast as six, and most texts have no backslash.
        return self._has_text and b"\\" in raw and NUL_ESCAPE in raw


def value_type(field: Field, *, checked: bool = True) -> Any:
    """The msgspec type of one field's values; without `checked` it leaves out ranges and categories."""
    type_ = _scalar_type(field) if checked else _PLAIN.get(field.type, str)
    for size in reversed(field.nesting):
        list_type = list[type_]  # type: ignore[valid-type]
        type_ = list_type if size == ANY_SIZE else Annotated[list_type, Meta(min_length=size, max_length=size)]
    return type_ | None if field.nullable else type_


_PLAIN: dict[str, Any] = {"bool": bool, **dict.fromkeys(INTEGERS, int), **dict.fromkeys(FLOATS, float)}


def _scalar_type(field: Field) -> Any:
    limits = range_of(field)
    if limits is not None and field.type in FLOATS:
        return Annotated[float, Meta(ge=limits.low, le=limits.high)]
    if limits is not None:
        low, high = inside_as_doubles(limits.low, limits.high)
        # Beyond int64 msgspec has no bounds; what finishes the value looks at them.
        whole = Annotated[int, Meta(ge=int(limits.low), le=int(limits.high))] if _is_bounded(limits) else int
        # Integral floats are whole numbers too: pandas sends a column of integers with gaps as 1.0.
        return whole | Annotated[float, Meta(ge=low, le=high, multiple_of=1)]
    if field.type == "category" and field.unknown == "refuse":
        return Literal[field.categories]
    return _PLAIN.get(field.type, str)


def _is_bounded(limits: Range) -> bool:
    return limits.high < 2**63


def stored_reader(signature: Signature) -> Reader:
    """Reads back what was checked once: an array of objects, without ranges and categories."""
    fields = signature.inputs
    types = [value_type(field, checked=False) for field in fields]
    read = _builder(signature, STRUCT_FIELDS)(fields, types, Meta(min_length=1))
    finished = {at: _finisher_of_bytes(field) for at, field in enumerate(fields) if field.type in BINARY}
    finishing = _Finishing(finished)
    return (lambda raw: finishing.rows(read(raw))) if finished else read


def _builder(signature: Signature, struct_fields: int) -> Callable[..., Reader]:
    return _struct_reader if len(signature.inputs) <= struct_fields and _nameable(signature) else _dict_reader


def _nameable(signature: Signature) -> bool:
    """Whether msgspec can use the names as keys of a struct; it compares them with the unescaped JSON text."""
    return not any(_UNNAMEABLE(name) for name in signature.names)


def instance_struct(fields: Sequence[Field], types: Sequence[Any]) -> Any:
    """A struct for an object of the fields, whose attributes have names of ours."""
    names = [f"f{position}" for position in range(len(fields))]
    return msgspec.defstruct(
        "Instance",
        [
            (name, type_) if field.required else (name, type_ | None, None)
            for name, type_, field in zip(names, types, fields, strict=True)
        ],
        rename={name: field.name for name, field in zip(names, fields, strict=True)},
        forbid_unknown_fields=True,
        kw_only=True,  # A field with a default may stand before one without.
        gc=False,
    )


def _struct_reader(fields: Sequence[Field], types: Sequence[Any], some: Meta | None) -> Reader:
    """Read an object of the fields; with `some`, a list of them."""
    struct: Any = instance_struct(fields, types)
    astuple = msgspec.structs.astuple
    if some is None:
        decode_one = msgspec.json.Decoder(struct).decode
        return lambda raw: (astuple(decode_one(raw)),)
    decode = msgspec.json.Decoder(Annotated[list[struct], some]).decode
    return lambda raw: [astuple(item) for item in decode(raw)]


def _body_reader(
    fields: Sequence[Field], types: Sequence[Any], some: Meta
) -> Callable[[bytes], tuple[Sequence[Row], str | None, bool]]:
    """Read what nearly every request is: objects of the fields, and beside them no more than a reference."""
    struct: Any = instance_struct(fields, types)
    members: list[Any] = [("instances", Annotated[list[struct], some])]
    members += [("reference", str | None, None), ("explain", bool, False)]
    body = msgspec.defstruct("Body", members, forbid_unknown_fields=True, gc=False)
    decode, astuple = msgspec.json.Decoder(body).decode, msgspec.structs.astuple

    def read(raw: bytes) -> tuple[Sequence[Row], str | None, bool]:
        found: Any = decode(raw)
        return [astuple(item) for item in found.instances], found.reference, found.explain

    return read


def _dict_reader(fields: Sequence[Field], types: Sequence[Any], some: Meta | None) -> Reader:
    """The same through dicts, for many fields and for names that a struct cannot have."""
    names = [field.name for field in fields]
    absent = {field.name: None for field in fields if not field.required}
    optional = [type_ if field.required else type_ | None for type_, field in zip(types, fields, strict=True)]
    rows_type: Any = list[tuple[tuple(optional)]]  # type: ignore[misc]
    whole = Annotated[list[dict[str, Any]], some] if some is not None else dict[str, Any]
    decode = msgspec.json.Decoder(whole).decode
    # Asked for one name, itemgetter gives the bare value.
    values = itemgetter(*names) if len(names) > 1 else lambda item: (item[names[0]],)

    def read(raw: bytes) -> Sequence[Row]:
        items = decode(raw) if some is not None else (decode(raw),)
        if absent:
            items = [absent | item for item in items]
        try:
            rows = [values(item) for item in items]
        except KeyError as error:
            raise Refused from error
        if any(len(item) != len(names) for item in items):
            raise Refused
        converted: Sequence[Row] = msgspec.convert(rows, rows_type)
        return converted

    return read


Finisher = Callable[[Any], Any]


def _finisher(field: Field) -> Finisher | None:
    """What makes the value of a field of what msgspec gives, where the two differ; it may raise Refused."""
    if field.type in BINARY:
        return _finisher_of_bytes(field)
    limits = range_of(field)
    if field.type in INTEGERS and limits is not None and not _is_bounded(limits):
        return _nested(field, _whole_number_within(int(limits.low), int(limits.high)))
    # Only below another array can arrays be of different sizes.
    return _nested(field, None) if ANY_SIZE in field.shape[1:] else None


def _finisher_of_bytes(field: Field) -> Finisher:
    return _nested(field, _bytes_of)


def _bytes_of(text: str) -> bytes:
    try:
        return read_base64(text)
    except NotBase64 as error:
        raise Refused from error


def _whole_number_within(low: int, high: int) -> Finisher:
    def whole_number(value: float) -> int:
        if low <= (found := int(value)) <= high:
            return found
        raise Refused

    return whole_number


def _nested(field: Field, finish: Finisher | None) -> Finisher:
    """Finishes each value in nested arrays, if there is something to, and refuses arrays of different sizes."""
    nesting = field.nesting
    if not nesting:
        assert finish is not None  # A single value without a finisher needs none.
        return finish
    last = len(nesting) - 1

    def finished(value: list[Any], depth: int, met: dict[int, int]) -> list[Any]:
        if met.setdefault(depth, len(value)) != len(value):
            raise Refused
        if depth < last:
            return [finished(item, depth + 1, met) for item in value]
        return value if finish is None else list(map(finish, value))

    return lambda value: finished(value, 0, {})


class _Finishing:
    """Applies each field's finisher to what msgspec gives, at its position; what is missing stays missing."""

    def __init__(self, finishers: Mapping[int, Finisher]) -> None:
        self._finishers = finishers

    def rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        return [_finished_row(row, self._finishers) for row in rows]

    def columns(self, columns: list[Sequence[Any]]) -> list[Sequence[Any]]:
        for position, finish in self._finishers.items():
            columns[position] = [None if value is None else finish(value) for value in columns[position]]
        return columns


def _finished_row(row: Row, finishers: Mapping[int, Finisher]) -> Row:
    """The row with each finisher applied to the value at its position; what is missing stays missing."""
    cells = list(row)
    for position, finish in finishers.items():
        if cells[position] is not None:
            cells[position] = finish(cells[position])
    return cells


class _WholeNumbers:
    """Turns the integral floats of integer fields into ints; rows that have none pass untouched."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._converters: dict[int, Finisher] = {
            position: _tensor_to_int(len(field.shape)) if field.shape else int
            for position, field in enumerate(fields)
            if field.type in INTEGERS
        }
        positions = list(self._converters)
        # Asked for one position, itemgetter gives the bare value.
        self._cells = itemgetter(*positions, positions[0])
        self._suspects = {float, list}

    def rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        cells, harmless = self._cells, self._suspects.isdisjoint
        return [row if harmless(map(type, cells(row))) else _finished_row(row, self._converters) for row in rows]

    def columns(self, columns: list[Sequence[Any]]) -> list[Sequence[Any]]:
        for position, convert in self._converters.items():
            if not self._suspects.isdisjoint(map(type, columns[position])):
                columns[position] = [None if value is None else convert(value) for value in columns[position]]
        return columns


def _tensor_to_int(depth: int) -> Finisher:
    def converted(value: list[Any], left: int = depth) -> list[Any]:
        return list(map(int, value)) if left == 1 else [converted(item, left - 1) for item in value]

    return converted
