"""CSV cells as the JSON values that they stand for, by the field's type."""

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from mlserve.signature.fields import FLOATS, INTEGERS, Field, Signature

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII).fullmatch
_INTEGER = re.compile(r"[+-]?\d{1,400}", re.ASCII).fullmatch
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


def cell_values(signature: Signature, row: Mapping[Any, Any]) -> dict[Any, Any]:
    """One row of cell texts as an instance for the schema. A cell that cannot be converted stays the text it is."""
    result: dict[Any, Any] = {}
    for name, text in row.items():
        position = signature.positions.get(name)
        if position is None:
            result[name] = text  # The schema says that the model has no such field.
        elif text is None or text == "":
            result[name] = None
        else:
            result[name] = _cell_value(signature.inputs[position], text)
    return result


def _cell_value(field: Field, text: str) -> Any:
    if field.nesting:
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return text
    stripped = text.strip()
    if field.type in INTEGERS | FLOATS:
        return _number(stripped, text)
    if field.type == "bool":
        return _TRUTHS.get(stripped.lower(), text)
    return text


def _number(stripped: str, text: str) -> Any:
    if _INTEGER(stripped):
        return int(stripped)
    if _NUMBER(stripped):
        return float(stripped)
    return math.inf if stripped.isdigit() and stripped.isascii() else text
