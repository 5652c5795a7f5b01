"""complete(): a signature read from a model's file, completed by its sidecar."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

import colander

from mlserve.errors import SignatureError
from mlserve.signature.faults import got
from mlserve.signature.features import FeatureInvalid
from mlserve.signature.fields import TYPES, Field, FieldType, Signature, is_list, shape_text, takes_shape
from mlserve.signature.json_schema import JsonObject
from mlserve.signature.ranges import FLOAT_LIMITS, INTEGER_RANGES
from mlserve.signature.recast import picture_shape, recast
from mlserve.signature.schema import row_schema


def _narrower() -> dict[str, frozenset[str]]:
    found = {"bytes": {"image"}, "string": {"text", "category"}, "text": {"string", "category"}}
    for name, (low, high) in INTEGER_RANGES.items():
        inside = {other for other, (least, most) in INTEGER_RANGES.items() if low <= least and most <= high}
        found[name] = inside - {name} | {"bool", "category"}
    for name, limit in FLOAT_LIMITS.items():
        smaller = {other for other, most in FLOAT_LIMITS.items() if most < limit}
        found[name] = smaller | {*INTEGER_RANGES, "bool", "category"}
    return {name: frozenset(types) for name, types in found.items()}


# The types that a sidecar may give a field, by the type that the file says. Most take fewer values; whole numbers of
# any size may stand for floats, and string and text for each other, because people know what the file cannot say.
NARROWER = _narrower()

# How the types are called elsewhere, where the nearest name is not the nearest type.
_ELSEWHERE = {
    "int": "int32",
    "integer": "int64",
    "long": "int64",
    "float": "float32",
    "number": "float64",
    "double": "float64",
    "str": "string",
    "object": "string",
    "enum": "category",
    "picture": "image",
}

_PLACEHOLDER = re.compile(r"f\d+").fullmatch


def complete(file: Signature, sidecar: Signature | Mapping[str, Any]) -> Signature:
    """The file's signature with the sidecar's attributes.

    The sidecar names the inputs that it has something to say of; where the file has no names of its own (f0, f1, …)
    and the sidecar lists as many inputs, it gives them. It may name the columns of
    a matrix, and call a tensor a picture (`recast`). It may add outputs of type `category` (labels).
    Raises SignatureError when the sidecar contradicts the file in names, number, order, shapes or categories, when a
    category input is left without categories, or when an example does not fit its field.
    """
    given = sidecar.to_json() if isinstance(sidecar, Signature) else dict(sidecar)
    for key in given:
        if key not in ("inputs", "outputs"):
            raise SignatureError(f"sidecar: unknown key '{key}'; the keys are inputs, outputs")
    inputs = _entries(given, "inputs")
    file = recast(file, inputs)
    base = file.to_json()
    if _gives_names(file, inputs):
        for entry, named in zip(base["inputs"], inputs, strict=True):
            entry["name"] = named["name"]
    result = Signature.from_json(
        {
            "inputs": _merged("input", base["inputs"], inputs),
            "outputs": _merged("output", base["outputs"], _entries(given, "outputs"), adding=True),
        }
    )
    result.require_categories()
    _check_examples(result)
    return result


def _entries(sidecar: Mapping[str, Any], key: str) -> list[JsonObject]:
    entries = sidecar.get(key, [])
    if not is_list(entries) or not all(isinstance(entry, Mapping) for entry in entries):
        raise SignatureError(f"sidecar: '{key}' must be a list of objects")
    seen = set()
    for entry in entries:
        name = entry.get("name")
        if not isinstance(name, str):
            raise SignatureError(f"sidecar: each of '{key}' needs a 'name'")
        if name in seen:
            raise SignatureError(f"sidecar: '{name}' is twice among '{key}'")
        seen.add(name)
    return [dict(entry) for entry in entries]


def _gives_names(file: Signature, inputs: Sequence[JsonObject]) -> bool:
    """Whether the file has placeholders only, and the sidecar a name for each of them."""
    if len(inputs) != len(file.inputs):
        return False
    placeholders = all(_PLACEHOLDER(name) for name in file.names)
    return placeholders and not all(entry["name"] in file.positions for entry in inputs)


def _merged(
    kind: str, file: Sequence[JsonObject], sidecar: Sequence[JsonObject], *, adding: bool = False
) -> list[JsonObject]:
    by_name = {entry["name"]: entry for entry in file}
    names = list(by_name)
    said = {entry["name"]: entry for entry in sidecar}
    added = [entry for entry in sidecar if entry["name"] not in by_name]
    for entry in added:
        if not adding or entry.get("type") != "category":
            raise SignatureError(
                f"sidecar: {kind} '{entry['name']}' is not in the model's file, which has {_some(names)}"
                + ("; only an output of type 'category' can be added" if adding else "")
            )
    common = [name for name in said if name in by_name]
    if len(common) == len(names) and common != names:
        raise SignatureError(f"sidecar: the {kind}s are in another order than in the model's file: {_some(names)}")
    return [_merged_entry(kind, entry, said.get(entry["name"], {})) for entry in file] + added


def _merged_entry(kind: str, file: JsonObject, sidecar: JsonObject) -> JsonObject:
    where = f"sidecar: {kind} '{file['name']}'"
    old: Any = file["type"]
    new: Any = sidecar.get("type", old)
    if not isinstance(new, str) or new not in TYPES:
        raise SignatureError(f"{where}: type {new!r} is none: did you mean {_near_type(new)}?")
    in_file, said = file.get("shape", []), sidecar.get("shape")
    if new == "image" and (picture := picture_shape(old, in_file)) is not None:
        raise SignatureError(
            f"{where}: its 'shape' contradicts the model's file: write height, width, channels: {shape_text(picture)}"
        )
    if new != old and new not in NARROWER.get(old, frozenset()):
        raise SignatureError(f"{where}: type {new!r} contradicts the model's file, which says '{old}'")
    if said is not None and not (is_list(said) and takes_shape(in_file, said)):
        raise SignatureError(
            f"{where}: 'shape' contradicts the model's file, which says {_some(in_file) or 'one value an instance'}"
        )
    categories = file.get("categories")
    given: Any = sidecar.get("categories", categories)
    if categories and not (is_list(given) and list(given) == list(categories)):
        raise SignatureError(f"{where}: 'categories' contradicts the model's file, which says {_some(categories)}")
    return {**_bounded(file, new), **sidecar}


def _near_type(said: object) -> str:
    """The type that somebody means who says something else."""
    word = str(said)[:40].lower()
    near = get_close_matches(_ELSEWHERE.get(word, word), sorted(TYPES), 1)
    return near[0] if near else f"one of {', '.join(get_args(FieldType))}"


def _bounded(file: JsonObject, kind: str) -> JsonObject:
    """The file's entry without bounds that mean nothing in a narrower type: those of a number that it cannot hold."""
    whole = kind.removeprefix("u").startswith("int")
    ends = {key: file[key] for key in ("minimum", "maximum") if key in file}
    void = {key for key, end in ends.items() if kind in ("bool", "category") or (whole and abs(end) >= 2**64)}
    return {key: value for key, value in file.items() if key not in void}


def _some(values: Sequence[Any]) -> str:
    listed = ", ".join(str(value) for value in values[:5])
    return listed + (f" and {len(values) - 5} more" if len(values) > 5 else "")


def _check_examples(signature: Signature) -> None:
    for node in row_schema(signature).children:
        field: Field = node.typ.field
        if field.example is None:
            continue
        try:
            node.deserialize(field.example)
        except FeatureInvalid as invalid:
            fault = invalid.faults[0]
            raise SignatureError(
                f"input '{field.name}': its 'example' {got(field.example)} is not {fault.expected}"
            ) from invalid
        except colander.Invalid as invalid:
            raise SignatureError(f"input '{field.name}': its 'example' does not fit") from invalid
