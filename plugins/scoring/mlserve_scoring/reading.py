"""The bodies of /invocations: the four forms of MLflow's JSON, and CSV."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from mlserve.errors import Invalid, Problem
from mlserve.inference import LoadedVersion
from mlserve.protocols import (
    Decode,
    at_member,
    columns_as_ours,
    decode_rows,
    json_members,
    json_value,
    read_body,
    read_rows,
    rows_as_ours,
)
from mlserve.signature import Batch

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
PARAMS = "params"

_encode = msgspec.json.encode
_rows = msgspec.json.Decoder(list[list[Raw]]).decode


class Split(msgspec.Struct):
    """What `DataFrame.to_dict(orient="split")` makes; without names, the order is that of the inputs."""

    data: Raw
    columns: list[str | int] | None = None
    index: Any = None


_split = msgspec.json.Decoder(Split).decode


def read_json(request: Any) -> Decode:
    """How the body becomes a Batch. Raises Unreadable, Invalid, TooLarge."""
    # pandas writes a missing number as NaN, which is no JSON, and MLflow's server reads it.
    members = json_members(request, nan=True)
    form = _form_of(members)
    raw = bytes(members[form])
    if form == "dataframe_split":
        return lambda loaded: _decode_split(loaded, raw)
    if form == "inputs" and raw.startswith(b"{"):
        return lambda loaded: _decode_columns(loaded, raw)
    return lambda loaded: loaded.decoder.decode(rows_as_ours(raw, loaded.signature), None)


def read_csv(request: Any) -> Decode:
    """How a table becomes a Batch: with a line of names, or without one in the order of the inputs.

    Raises Unreadable, TooLarge.
    """
    lines = read_rows(read_body(request, open_ended=True))
    return lambda loaded: _decode_lines(loaded, lines)


def _form_of(members: Mapping[str, Raw]) -> str:
    problems = [
        Problem("unknown_field", f"one of {', '.join((*FORMS, PARAMS))}", pointer=f"/{name}", field=name)
        for name in members
        if name not in FORMS and name != PARAMS
    ]
    given = [name for name in FORMS if name in members]
    if len(given) != 1:
        problems.append(Problem("required", f"exactly one of {', '.join(FORMS)}", " and ".join(given) or "none"))
    if PARAMS in members and json_value(members[PARAMS]) not in (None, {}):
        problems.append(Problem("unknown_field", "no params: none is known", pointer=f"/{PARAMS}", field=PARAMS))
    if problems:
        raise Invalid("The body is no invocation's.", problems=problems[:20], more=len(problems) > 20)
    return given[0]


def _decode_columns(loaded: LoadedVersion, raw: bytes) -> Batch:
    """Raises Invalid, TooLarge, Unreadable."""
    with at_member("inputs"):
        return loaded.decoder.decode(None, columns_as_ours(raw, loaded.signature))


def _decode_split(loaded: LoadedVersion, raw: bytes) -> Batch:
    """Raises Invalid, TooLarge, Unreadable."""
    try:
        split = _split(raw)
        rows = _rows(split.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        json_value(raw)  # What is not UTF-8 cannot be read at all.
        problem = Problem("type", "columns, a list of names, and data, a list of lists", pointer="/dataframe_split")
        raise Invalid(f"This is no dataframe_split: {error}.", problems=[problem]) from error
    names = [name for name in split.columns or () if isinstance(name, str)]
    if not names:
        return loaded.decoder.decode(bytes(split.data), None)
    return loaded.decoder.decode(_encode([dict(zip(names, row, strict=True)) for row in _even(rows, names)]), None)


def _even(rows: list[list[Raw]], names: list[str]) -> list[list[Raw]]:
    """The rows, once each has a value for every name, and no name stands twice. Raises Invalid."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        problem = Problem("unknown_field", "each column once", twice, "/dataframe_split/columns", field=twice)
        raise Invalid("A column stands there twice.", problems=[problem])
    for number, row in enumerate(rows):
        if len(row) != len(names):
            place = f"/dataframe_split/data/{number}"
            problem = Problem("length", f"{len(names)} values", f"{len(row)}", place, number)
            raise Invalid("A row is not as long as the columns.", problems=[problem])
    return rows


def _decode_lines(loaded: LoadedVersion, lines: list[list[str]]) -> Batch:
    """The Batch of lines of cells, the first of which may be names. Raises Invalid, TooLarge."""
    names = loaded.signature.names
    if lines and not set(lines[0]).isdisjoint(names):
        head, *rows = lines
    else:
        head, rows = list(names), lines
    return decode_rows(loaded, head, rows, unnamed=True)
