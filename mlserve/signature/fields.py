"""Field, OutputField and Signature: a model's typed inputs and outputs.

The JSON form of a signature (`Signature.to_json`) is what a bundle's manifest and an artefact's sidecar hold. Its keys
are the attribute names below, and an attribute that has its default value is left out.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, cast, get_args

from mlserve.errors import SignatureError

if TYPE_CHECKING:
    from mlserve.signature.packing import Packing

FieldType = Literal[
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "string",
    "category",
    "text",
    "bytes",
    "image",
]
Keep = Literal["full", "hash", "omit"]
Unknown = Literal["refuse", "native"]

TYPES: frozenset[str] = frozenset(get_args(FieldType))
INTEGERS: frozenset[str] = frozenset(name for name in TYPES if name.startswith(("int", "uint")))
FLOATS: frozenset[str] = frozenset({"float16", "float32", "float64"})
# Those whose arrays numpy and orjson take as they are: a float16 is first brought to its own values and digits.
PLAIN_FLOATS: frozenset[str] = FLOATS - {"float16"}
NUMBERS: frozenset[str] = INTEGERS | FLOATS | {"bool"}
TEXTS: frozenset[str] = frozenset({"string", "category", "text"})
BINARY: frozenset[str] = frozenset({"bytes", "image"})  # base64 in JSON

ANY_SIZE = -1
# numpy has 64 axes at most, of which one counts the instances; and nested lists are walked by recursion.
_MOST_AXES = 32
CHANNELS = (1, 3)  # of a picture: grey, or red, green and blue


@dataclass(frozen=True)
class Field:
    """One input field. A tensor is a field with a non-empty `shape`, that of one instance; -1 is any size from 0 on.

    A tensor is missing as a whole or not at all; its bounds hold for each of its elements. The shape of an image is
    (height, width, channels), to which every picture is brought; without one it keeps its own size, in three channels.
    Raises SignatureError, naming the field and the attribute, when the attributes contradict each other.
    """

    name: str
    type: FieldType
    shape: tuple[int, ...] = ()
    required: bool = True  # False: the key may be absent, which then means missing (implies nullable)
    nullable: bool = False  # JSON null means missing
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    unknown: Unknown = "refuse"  # what a category outside `categories` means
    keep: Keep = "full"  # how the prediction log keeps the value
    unit: str | None = None
    description: str | None = None
    example: Any = None

    def __post_init__(self) -> None:
        if not self.required:
            object.__setattr__(self, "nullable", True)
        where = _check_common(self, "input")
        for key in ("required", "nullable"):
            if not isinstance(getattr(self, key), bool):
                raise SignatureError(f"{where}: '{key}' must be true or false")
        _check_choice(where, "keep", self.keep, Keep)
        _check_choice(where, "unknown", self.unknown, Unknown)
        if self.categories and self.type != "category":
            raise SignatureError(f"{where}: 'categories' belong to type 'category', not to '{self.type}'")
        if self.unknown != "refuse" and self.type != "category":
            raise SignatureError(f"{where}: 'unknown' belongs to type 'category', not to '{self.type}'")
        if self.type == "image":
            _check_image(where, self.shape)
        _check_bounds(where, self)

    @property
    def nesting(self) -> tuple[int, ...]:
        """The sizes of the nested arrays in JSON: those of the shape, and none where a file is sent as one text."""
        return () if self.type == "image" else self.shape

    @property
    def varies(self) -> bool:
        """Whether the arrays of two instances may be of different sizes."""
        return ANY_SIZE in self.shape or (self.type == "image" and not self.shape)

    def to_json(self) -> dict[str, Any]:
        return _to_json(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        return cls(**_arguments(cls, value, "inputs"))


@dataclass(frozen=True)
class OutputField:
    """One named output. `categories` are a label's class names, in the order of the model's classes.

    A float output of shape (k,) may have k `categories` too: it is then written as an object, one key a class name.
    """

    name: str
    type: FieldType
    shape: tuple[int, ...] = ()
    categories: tuple[str, ...] = ()
    threshold: float | None = None  # of a binary label: probability >= threshold is the second class
    unit: str | None = None
    description: str | None = None

    def __post_init__(self) -> None:
        where = _check_common(self, "output")
        if self.type == "image":
            raise SignatureError(f"{where}: 'type' must not be image, which only an input can be; answer bytes")
        if self.categories and self.type != "category" and self.shape != (len(self.categories),):
            raise SignatureError(
                f"{where}: 'categories' belong to type 'category' or to a shape of one number for each of them"
            )
        if self.threshold is not None:
            _check_number(where, "threshold", self.threshold)
            if len(self.categories) not in (0, 2):
                raise SignatureError(f"{where}: 'threshold' belongs to a label of two categories")

    @property
    def varies(self) -> bool:
        """Whether the arrays of two instances may be of different sizes."""
        return ANY_SIZE in self.shape

    def to_json(self) -> dict[str, Any]:
        return _to_json(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        return cls(**_arguments(cls, value, "outputs"))


@dataclass(frozen=True)
class Signature:
    """A model's inputs, in the order of its feature matrix, and its outputs. Raises SignatureError."""

    inputs: tuple[Field, ...]
    outputs: tuple[OutputField, ...]

    def __post_init__(self) -> None:
        if not self.inputs:
            raise SignatureError("signature: 'inputs' must name at least one field")
        _check_unique("inputs", [field.name for field in self.inputs])
        _check_unique("outputs", [field.name for field in self.outputs])

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.inputs)

    @cached_property
    def positions(self) -> dict[str, int]:
        """The place of each input in the feature matrix, by name."""
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def packing(self) -> "Packing":
        """How rows of these inputs become a feature matrix; built once, since the hot path asks for it each time."""
        from mlserve.signature.packing import Packing

        return Packing(self)

    def require_categories(self) -> None:
        """Refuse a signature that cannot be served yet: a category input whose categories nobody has named."""
        for field in self.inputs:
            if field.type == "category" and not field.categories:
                raise SignatureError(
                    f"input '{field.name}': its categories are not in the model's file; "
                    f"list them as 'categories' in the artefact's .signature.json"
                )

    def to_json(self) -> dict[str, Any]:
        """The signature as a JSON value, without attributes that have their default."""
        return {
            "inputs": [field.to_json() for field in self.inputs],
            "outputs": [field.to_json() for field in self.outputs],
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The signature of a JSON value. Raises SignatureError, naming the key, for anything unknown or wrong."""
        if not isinstance(value, Mapping):
            raise SignatureError("signature: must be an object with the keys 'inputs' and 'outputs'")
        _refuse_unknown_keys("signature", value, ("inputs", "outputs"))
        for key in ("inputs", "outputs"):
            if not is_list(value.get(key)):
                raise SignatureError(f"signature: '{key}' must be a list of objects")
        return cls(
            inputs=tuple(Field.from_json(item) for item in value["inputs"]),
            outputs=tuple(OutputField.from_json(item) for item in value["outputs"]),
        )


def least_size(shape: Sequence[int]) -> int:
    """How many values a shape has; an axis of any size counts as one."""
    return math.prod(1 if size == ANY_SIZE else size for size in shape)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as people read it: [any, 3]."""
    return f"[{', '.join('any' if size == ANY_SIZE else str(size) for size in shape)}]"


def takes_shape(shape: Sequence[int], sizes: Sequence[int]) -> bool:
    """Whether arrays of these sizes, of which one may itself be any, have that shape."""
    return len(shape) == len(sizes) and all(own in (ANY_SIZE, size) for own, size in zip(shape, sizes, strict=True))


def is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _to_json(field: Field | OutputField) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for attribute in fields(field):
        value = getattr(field, attribute.name)
        if value != attribute.default or type(value) is not type(attribute.default):
            result[attribute.name] = list(value) if isinstance(value, tuple) else value
    return result


def _arguments(cls: type[Field] | type[OutputField], value: object, where: str) -> dict[str, Any]:
    """The constructor's arguments of one field's JSON object; the constructor checks the values."""
    if not isinstance(value, Mapping):
        raise SignatureError(f"signature: each of '{where}' must be an object")
    named = f"{where.removesuffix('s')} '{value.get('name', '?')}'"
    _refuse_unknown_keys(named, value, [attribute.name for attribute in fields(cls)])
    for key in ("name", "type"):
        if key not in value:
            raise SignatureError(f"{named}: '{key}' is missing")
    arguments = dict(value)
    for key in ("shape", "categories"):
        if key in arguments:
            if not is_list(arguments[key]):
                raise SignatureError(f"{named}: '{key}' must be a list")
            arguments[key] = tuple(arguments[key])
    return arguments


def _refuse_unknown_keys(where: str, value: Mapping[Any, Any], known: Sequence[str]) -> None:
    for key in value:
        if key not in known:
            raise SignatureError(f"{where}: unknown key '{key}'; the keys are {', '.join(known)}")


def _check_common(field: Field | OutputField, kind: str) -> str:
    """Check what inputs and outputs share; returns how messages name the field."""
    _check_text(f"{kind} '{field.name}'", "name", field.name)
    where = f"{kind} '{field.name}'"
    if not field.name:
        raise SignatureError(f"{where}: 'name' must not be empty")
    _check_choice(where, "type", field.type, FieldType)
    for size in _as_tuple(where, "shape", field.shape):
        if not isinstance(size, int) or isinstance(size, bool) or (size < 1 and size != ANY_SIZE):
            raise SignatureError(f"{where}: 'shape' must hold whole numbers above 0, or -1 for any size, not {size!r}")
    if len(field.shape) > _MOST_AXES:
        raise SignatureError(f"{where}: 'shape' must have at most {_MOST_AXES} sizes, not {len(field.shape)}")
    for category in _as_tuple(where, "categories", field.categories):
        _check_text(where, "categories", category)
    _check_unique(f"{where}: 'categories'", field.categories)
    for key in ("unit", "description"):
        if getattr(field, key) is not None:
            _check_text(where, key, getattr(field, key))
    return where


def _as_tuple(where: str, key: str, value: object) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise SignatureError(f"{where}: '{key}' must be a tuple")
    return value


def _check_text(where: str, key: str, value: object) -> None:
    if not isinstance(value, str):
        raise SignatureError(f"{where}: '{key}' must be text, not {value!r}")
    # PostgreSQL and C libraries end a text at NUL, and a lone surrogate cannot be written as UTF-8.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise SignatureError(f"{where}: '{key}' must not contain NUL or a lone surrogate")


def _check_choice(where: str, key: str, value: object, choices: object) -> None:
    allowed = cast("tuple[str, ...]", get_args(choices))
    if value not in allowed:
        raise SignatureError(f"{where}: '{key}' must be one of {', '.join(allowed)}, not {value!r}")


def _check_number(where: str, key: str, value: object) -> None:
    # Comparing refuses NaN too, and unlike math.isfinite it takes a whole number of any size.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise SignatureError(f"{where}: '{key}' must be a finite number, not {value!r}")


def _check_image(where: str, shape: tuple[int, ...]) -> None:
    if shape and (len(shape) != 3 or shape[2] not in CHANNELS or ANY_SIZE in shape):
        raise SignatureError(
            f"{where}: the 'shape' of an image must be height, width and 1 or 3 channels, or empty, not {list(shape)}"
        )


def _check_bounds(where: str, field: Field) -> None:
    for key, value in (("minimum", field.minimum), ("maximum", field.maximum)):
        if value is None:
            continue
        if field.type not in INTEGERS | FLOATS:
            raise SignatureError(f"{where}: '{key}' belongs to numbers, not to type '{field.type}'")
        _check_number(where, key, value)
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        raise SignatureError(f"{where}: 'minimum' {field.minimum} is above 'maximum' {field.maximum}")


def _check_unique(where: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SignatureError(f"{where}: '{name}' is there twice")
        seen.add(name)
