"""Rows and columns as the clients of other servers write them, made what our own decoder reads.

TensorFlow Serving, KServe and MLflow take the values alone of a model with one input, and `{"b64": "…"}` for bytes.
"""

import base64
import binascii
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Raw

from mlserve.errors import Invalid, Problem, Unreadable
from mlserve.signature import BINARY, Field, Signature
from mlserve.signature.faults import got

# What stands in each body with a value that is written as {"b64": "…"}.
BASE64 = b'"b64"'
# Where the decoder finds fault with columns.
COLUMNS = "/columns"

_encode = msgspec.json.encode
_list = msgspec.json.Decoder(list[Raw]).decode


def json_value(text: Raw | bytes) -> Any:
    """The value of a part of a body that is JSON. Raises Unreadable where a text in it is not UTF-8."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"The body is not JSON: {error}.") from error


def rows_as_ours(raw: bytes, signature: Signature) -> bytes:
    """The rows as the core's decoder reads them: objects, or lists in the order of the inputs.

    Of a model of one input a row may be the value alone, as TensorFlow Serving has it.
    """
    if BASE64 in raw:
        raw = _encode(_without_base64(json_value(raw), signature))
    if len(signature.inputs) != 1:
        return raw
    (field,) = signature.inputs
    try:
        rows = _list(raw)
    except msgspec.DecodeError:
        return raw  # What it is instead, the decoder says.
    if field.type == "image":
        _refuse_pixels(rows, field)
    if all(_is_row(row, field) for row in rows):
        return raw
    return _encode([row if _is_row(row, field) else {field.name: row} for row in rows])


def _is_row(row: Raw, field: Field) -> bool:
    """Whether it is a row and not the value itself; a value of no shape may stand in a list by itself."""
    first = bytes(memoryview(row)[:1])
    return first == b"{" or (first == b"[" and not field.nesting)


def _refuse_pixels(rows: list[Raw], field: Field) -> None:
    """Raise Invalid where the pixels of a picture are sent instead of its file."""
    for index, row in enumerate(rows):
        if bytes(memoryview(row)[:1]) == b"[" and not _is_one_text(value := json_value(row)):
            expected = 'a picture file as {"b64": "…"}, not its pixels'
            problem = Problem("type", expected, got(value), f"/instances/{index}", index, field.name)
            more = index + 1 < len(rows)
            raise Invalid("A picture is sent as its file, and not as its pixels.", problems=[problem], more=more)


def _is_one_text(value: list[Any]) -> bool:
    return len(value) == 1 and not isinstance(value[0], list)


def columns_as_ours(raw: bytes, signature: Signature) -> bytes:
    """The columns by name; of a model of one input, its values alone."""
    if BASE64 in raw:
        value = json_value(raw)
        fields = {field.name: field for field in signature.inputs}
        if isinstance(value, dict):
            value = {name: _plain(column, fields.get(name)) for name, column in value.items()}
        elif len(fields) == 1:
            value = _plain(value, signature.inputs[0])
        raw = _encode(value)
    if len(signature.inputs) == 1 and not raw.lstrip().startswith(b"{"):
        return _encode({signature.inputs[0].name: Raw(raw)})
    return raw


@contextmanager
def at_member(member: str) -> Iterator[None]:
    """What is wrong with columns is told with pointers into that member of the body: `columns` is our own body's."""
    try:
        yield
    except Invalid as error:
        problems = [_placed(problem, f"/{member}") for problem in error.problems]
        raise Invalid(error.detail, problems=problems, more=error.more) from error


def _placed(problem: Problem, pointer: str) -> Problem:
    if problem.pointer != COLUMNS and not problem.pointer.startswith(f"{COLUMNS}/"):
        return problem
    return replace(problem, pointer=pointer + problem.pointer.removeprefix(COLUMNS))


def _without_base64(rows: Any, signature: Signature) -> Any:
    if not isinstance(rows, list):
        return rows
    fields = {field.name: field for field in signature.inputs}
    found: list[Any] = []
    for row in rows:
        if isinstance(row, dict) and (row.keys() != {"b64"} or "b64" in fields):
            found.append({name: _plain(value, fields.get(name)) for name, value in row.items()})
        elif isinstance(row, list) and len(fields) > 1:
            found.append([_plain(value, field) for value, field in zip(row, signature.inputs, strict=False)])
        else:
            found.append(_plain(row, signature.inputs[0]))
    return found


def _plain(value: Any, field: Field | None) -> Any:
    """The value with `{"b64": "…"}` as what a field of its type takes: base64 for bytes and images, else the text."""
    if isinstance(value, list):
        return [_plain(one, field) for one in value]
    if field is None or not isinstance(value, dict) or value.keys() != {"b64"} or not isinstance(value["b64"], str):
        return value
    if field.type in BINARY:
        return value["b64"]
    try:
        return base64.b64decode(value["b64"], validate=True).decode()
    except (binascii.Error, ValueError):
        return value  # An object where a text belongs: the decoder says so.


def with_nan(body: bytes) -> bytes:
    """The body with null where it says NaN. Raises Unreadable."""
    try:
        return _encode(json.loads(body, parse_constant=_constant, parse_float=_number, parse_int=_whole))
    except (ValueError, RecursionError, msgspec.EncodeError) as error:
        raise Unreadable(f"The body is not JSON: {error}.") from error


def _constant(word: str) -> None:
    if word != "NaN":
        raise _no_finite_number(word)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _no_finite_number(text)
    return number


def _whole(text: str) -> int:
    if len(text) > sys.int_info.default_max_str_digits:
        raise ValueError(f"{text[:40]}… has too many digits")  # Python's own words for that are for programmers.
    return int(text)


def _no_finite_number(text: str) -> ValueError:
    return ValueError(f"{text[:40]} is no finite number")
