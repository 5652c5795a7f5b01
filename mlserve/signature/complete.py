"""complete(): a signature read from a model's file, completed by its sidecar."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import colander

from mlserve.errors import SignatureError
from mlserve.signature.faults import got
from mlserve.signature.features import FeatureInvalid
from mlserve.signature.fields import Field, Signature, is_list
from mlserve.signature.json_schema import JsonObject
from mlserve.signature.schema import row_schema

# What a sidecar may say of a field instead of what the file says: each type takes fewer values than the one before.
NARROWER: dict[str, frozenset[str]] = {
    "float64": frozenset({"float32", "int64", "int32", "bool", "category"}),
    "float32": frozenset({"int64", "int32", "bool", "category"}),
    "int64": frozenset({"int32", "bool", "category"}),
    "int32": frozenset({"bool", "category"}),
    "string": frozenset({"category"}),
}

_PLACEHOLDER = re.compile(r"f\d+").fullmatch


def complete(file: Signature, sidecar: Signature | Mapping[str, Any]) -> Signature:
    """The file's signature with the sidecar's attributes.

    The sidecar names the inputs that it has something to say of; where the file has no names of its own (f0, f1, …)
    and the sidecar lists as many inputs, it gives them. It may add outputs of type `category` (labels).
    Raises SignatureError when the sidecar contradicts the file in names, number, order, shapes or categories, when a
    category input is left without categories, or when an example does not fit its field.
    """
    given = sidecar.to_json() if isinstance(sidecar, Signature) else dict(sidecar)
    for key in given:
        if key not in ("inputs", "outputs"):
            raise SignatureError(f"sidecar: unknown key '{key}'; the keys are inputs, outputs")
    base = file.to_json()
    inputs = _entries(given, "inputs")
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
    old, new = file["type"], sidecar.get("type", file["type"])
    if new != old and new not in NARROWER.get(old, frozenset()):
        raise SignatureError(f"{where}: type '{new}' contradicts the model's file, which says '{old}'")
    for key in ("shape", "categories"):
        in_file, in_sidecar = file.get(key), sidecar.get(key)
        if in_file and in_sidecar is not None and list(in_file) != list(in_sidecar):
            raise SignatureError(f"{where}: '{key}' contradicts the model's file, which says {_some(in_file)}")
    if sidecar.get("shape") and not file.get("shape"):
        raise SignatureError(f"{where}: 'shape' contradicts the model's file, which says one value an instance")
    return {**file, **sidecar}


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
