"""What can be wrong with a request: the codes, and the collection that stops at its limit."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from mlserve.errors import Invalid, Problem

# The stable codes of `errors[]` that come from a signature, and what each says. Documentation takes this table.
CODES: dict[str, str] = {
    "type": "the value is of another JSON type than the field's, or a fraction where a whole number belongs",
    "required": "a field that every instance must have, or the instances themselves, are not there",
    "null": "the value is missing (null, or an empty CSV cell) where the field is not nullable",
    "range": "the number is below the field's minimum or above its maximum",
    "overflow": "the number is too large for the field's type",
    "category": "the text is not one of the field's categories",
    "nul": "the text contains the character NUL",
    "base64": "the text is not base64 with padding (RFC 4648)",
    "image": "the bytes are no picture in one of the formats that are read, or a damaged one",
    "pixels": "the picture has more pixels, alone or with those before it, than one request may have",
    "unknown_field": "the model has no field of this name",
    "shape": "the lengths of a tensor's nested arrays are not the field's shape, or not the same beside each other",
    "length": "a positional instance has not one value for each field, or the columns are of different lengths",
    "empty": "there is no instance at all",
}

GOT_LENGTH = 60
Step = str | int


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one value; `path` leads into the value, for a tensor's elements."""

    code: str
    expected: str
    got: str
    path: tuple[Step, ...] = ()


class LimitReached(Exception):
    """The walk has found one more problem than it may list."""


class Problems:
    """Collects problems up to `limit`; the one after that raises LimitReached, so that the walk ends there."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.listed: list[Problem] = []
        self.more = False

    def add(self, fault: Fault, path: Iterable[Step], instance: int | None, field: str | None) -> None:
        if len(self.listed) >= self.limit:
            self.more = True
            raise LimitReached
        self.listed.append(
            Problem(fault.code, fault.expected, fault.got, pointer((*path, *fault.path)), instance, field)
        )

    def invalid(self) -> Invalid:
        count = f"more than {self.limit}" if self.more else str(len(self.listed))
        noun = "problem" if len(self.listed) == 1 and not self.more else "problems"
        return Invalid(
            f"The request does not fit the model's signature: {count} {noun}.", problems=self.listed, more=self.more
        )


def pointer(path: Iterable[Step]) -> str:
    """The RFC 6901 JSON pointer of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def got(value: Any) -> str:
    """A short text of a refused value: its JSON where that is short, else its kind and size."""
    if isinstance(value, dict):
        return f"object with {_count(len(value), 'key')}"
    if isinstance(value, list | tuple):
        return f"array of {_count(len(value), 'item')}"
    if isinstance(value, str):
        text = value[: GOT_LENGTH + 1].encode("utf-8", "replace")
        return _shortened(orjson.dumps(text.decode()).decode(), '…"')
    if isinstance(value, int) and not isinstance(value, bool):
        # A JSON number of 4,000 digits is legal; Python refuses to print an int above 4,300.
        return _shortened(str(value), "…") if value.bit_length() < 10_000 else "number out of range"
    if isinstance(value, float) and not abs(value) < float("inf"):
        return "number out of range"
    if value is None or isinstance(value, bool | int | float):
        return orjson.dumps(value).decode()
    return type(value).__name__  # Only columns in memory hold what JSON does not.


def _shortened(text: str, ending: str) -> str:
    return text if len(text) <= GOT_LENGTH else text[: GOT_LENGTH - len(ending)] + ending


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
