"""Colander types of ours, one for each kind of field: strict, and with every fault of a value at once.

Colander's own are lax: its Integer takes true and "1", its Float takes "nan", and its String takes "" as missing.
"""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import colander

from mlserve.signature.base64 import NotBase64, read_base64
from mlserve.signature.faults import Fault, got
from mlserve.signature.fields import ANY_SIZE, BINARY, FLOATS, INTEGERS, Field, shape_text
from mlserve.signature.ranges import range_of

LISTED_CATEGORIES = 5


class FeatureInvalid(colander.Invalid):
    """A refused value, with all its faults (a tensor may have many)."""

    def __init__(self, node: colander.SchemaNode, faults: tuple[Fault, ...]) -> None:
        super().__init__(node, [f"expected {fault.expected}, got {fault.got}" for fault in faults])
        self.faults = faults


class Feature(colander.SchemaType):
    """What one field accepts. Subclasses say it for one number, text or truth value; tensors are nested lists of it.

    `limit` is how many faults of one value are looked for.
    """

    expected = "a value"

    def __init__(self, field: Field, limit: int) -> None:
        self.field = field
        self.limit = limit

    def serialize(self, node: colander.SchemaNode, appstruct: Any) -> Any:
        return colander.null if appstruct is None else appstruct

    def deserialize(self, node: colander.SchemaNode, cstruct: Any) -> Any:
        """The value in the field's own type. Raises FeatureInvalid."""
        if cstruct is colander.null and not self.field.required:
            return colander.null  # The node's `missing` stands for it.
        if cstruct is None and self.field.nullable:
            return None
        faults = tuple(islice(self.faults(cstruct), self.limit))
        if faults:
            raise FeatureInvalid(node, faults)
        return self._converted(cstruct, len(self.field.nesting))

    def faults(self, value: Any) -> Iterator[Fault]:
        if value is colander.null:
            yield Fault("required", f"a value for this field ({self.expected})", "nothing")
        elif value is None:
            yield Fault("null", self._shaped(), "null")
        elif self.field.nesting:
            yield from self._tensor_faults(value, (), {})
        elif (fault := self.fault(value)) is not None:
            yield fault

    def fault(self, value: Any) -> Fault | None:
        """What is wrong with one value that is not null."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """An accepted value in the field's own type."""
        return value

    def _shaped(self) -> str:
        if not self.field.nesting:
            return self.expected
        return f"an array of shape {shape_text(self.field.shape)}, each {self.expected}"

    def _tensor_faults(self, value: Any, path: tuple[int, ...], met: dict[int, int]) -> Iterator[Fault]:
        """`met` has the size of the first array that was met at each depth: where it may be any, it is that."""
        depth = len(path)
        if depth == len(self.field.shape):
            fault = Fault("type", self.expected, "null") if value is None else self.fault(value)
            if fault is not None:
                yield Fault(fault.code, fault.expected, fault.got, path)
        elif not isinstance(value, list):
            yield Fault("type", self._shaped(), got(value), path)
        elif len(value) != (size := self._size(depth, value, met)):
            beside = ", as the one before it" if self.field.shape[depth] == ANY_SIZE else ""
            yield Fault("shape", f"an array of {size}{beside}", got(value), path)
        else:
            for position, item in enumerate(value):
                yield from self._tensor_faults(item, (*path, position), met)

    def _size(self, depth: int, value: list[Any], met: dict[int, int]) -> int:
        size = self.field.shape[depth]
        return met.setdefault(depth, len(value)) if size == ANY_SIZE else size

    def _converted(self, value: Any, depth: int) -> Any:
        return self.convert(value) if depth == 0 else [self._converted(item, depth - 1) for item in value]


class BooleanFeature(Feature):
    expected = "true or false"

    def fault(self, value: Any) -> Fault | None:
        return None if isinstance(value, bool) else Fault("type", self.expected, got(value))


class NumberFeature(Feature):
    """A float or integer field: JSON integers are floats too, and integral floats (1.0) are whole numbers."""

    def __init__(self, field: Field, limit: int) -> None:
        super().__init__(field, limit)
        found = range_of(field)
        assert found is not None  # Only number fields come here.
        self.range = found
        self.whole = field.type in INTEGERS
        self.kind = "a whole number" if self.whole else "a number"
        self.expected = self._ranged()

    def fault(self, value: Any) -> Fault | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Fault("type", self.expected, got(value))
        if not self.range.type_low <= self._as_compared(value) <= self.range.type_high:
            limits = f"{_number(self.range.type_low)} to {_number(self.range.type_high)}"
            return Fault("overflow", f"{self.kind} that fits {self.field.type} ({limits})", got(value))
        if self.whole and isinstance(value, float) and not value.is_integer():
            return Fault("type", self.expected, got(value))
        if not self.range.low <= self._as_compared(value) <= self.range.high:
            return Fault("range", self.expected, got(value))
        return None

    def convert(self, value: Any) -> Any:
        return int(value) if self.whole else float(value)

    def _as_compared(self, value: float) -> float:
        """In a float field the double that the value becomes: above 2**53 it may be rounded on to a bound."""
        try:
            return value if self.whole else float(value)
        except OverflowError:
            return math.inf

    def _ranged(self) -> str:
        low, high = self.field.minimum, self.field.maximum
        if low is not None and high is not None:
            return f"{self.kind} from {_number(low)} to {_number(high)}"
        if low is not None:
            return f"{self.kind} not below {_number(low)}"
        return self.kind if high is None else f"{self.kind} not above {_number(high)}"


class TextFeature(Feature):
    """A string, or a category that takes unknown texts."""

    def __init__(self, field: Field, limit: int) -> None:
        super().__init__(field, limit)
        named = _listed(field) if field.type == "category" else ""
        self.expected = f"a text, such as {named}" if named else "a string"

    def fault(self, value: Any) -> Fault | None:
        if not isinstance(value, str):
            return Fault("type", self.expected, got(value))
        if "\0" in value:
            return Fault("nul", "a string without the character NUL", got(value))
        try:
            value.encode()
        except UnicodeEncodeError:
            return Fault("type", "a string of whole Unicode characters", got(value))
        return None


class CategoryFeature(Feature):
    """A category that must be one of those that the signature names."""

    def __init__(self, field: Field, limit: int) -> None:
        super().__init__(field, limit)
        self.categories = frozenset(field.categories)
        rest = len(field.categories) - LISTED_CATEGORIES
        self.expected = f"one of {_listed(field)}" + (f" and {rest} more" if rest > 0 else "")

    def fault(self, value: Any) -> Fault | None:
        if not isinstance(value, str):
            return Fault("type", self.expected, got(value))
        return None if value in self.categories else Fault("category", self.expected, got(value))


class BytesFeature(Feature):
    """Bytes as base64; of an image too, whose picture is opened when all else of the request is right."""

    def __init__(self, field: Field, limit: int) -> None:
        super().__init__(field, limit)
        self.expected = "the base64 of a picture file" if field.type == "image" else "bytes as base64"

    def fault(self, value: Any) -> Fault | None:
        if not isinstance(value, str):
            return Fault("type", self.expected, got(value))
        try:
            read_base64(value)
        except NotBase64 as error:
            return Fault("base64", f"{self.expected} (RFC 4648, padded)", f"{got(value)}: {error}")
        return None

    def convert(self, value: Any) -> Any:
        return read_base64(value)


def feature_type(field: Field, limit: int) -> Feature:
    """The Colander type of one field."""
    if field.type in INTEGERS | FLOATS:
        return NumberFeature(field, limit)
    if field.type == "bool":
        return BooleanFeature(field, limit)
    if field.type == "category" and field.unknown == "refuse":
        return CategoryFeature(field, limit)
    if field.type in BINARY:
        return BytesFeature(field, limit)
    return TextFeature(field, limit)


def _listed(field: Field) -> str:
    return ", ".join(got(category) for category in field.categories[:LISTED_CATEGORIES])


def _number(value: float) -> str:
    return got(value)
