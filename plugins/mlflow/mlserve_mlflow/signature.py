"""From MLflow's words for inputs and outputs to ours.

Source: https://mlflow.org/docs/latest/ml/model/signatures/ ; both parts are JSON texts in MLmodel: a list of columns
(`type`, `name`, `required`) or of tensors (`dtype`, `shape` with -1 for the number of rows).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from mlserve.errors import BundleError, SignatureError
from mlserve.signature import TYPES, Field, FieldType, OutputField, Signature

_COLUMNS: Final[dict[str, FieldType]] = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "string",
    "binary": "bytes",
}
_PROBABILITIES: Final = frozenset({"predict_proba"})


def signature_of(said: Any, method: str = "predict") -> Signature | None:
    """The signature of MLmodel's `signature`; None where there is none. `method` is what the model is asked by.

    Raises BundleError for what is no signature of MLflow's, and for types that mlserve does not have.
    """
    if said is None:
        return None
    if not isinstance(said, Mapping):
        raise BundleError("The signature in the MLmodel is no signature of MLflow's.")
    inputs, outputs = (_entries(said.get(key)) for key in ("inputs", "outputs"))
    if not inputs:
        return None
    try:
        return Signature(
            tuple(_input(at, entry, len(inputs)) for at, entry in enumerate(inputs)),
            tuple(_output(at, entry, len(outputs), method) for at, entry in enumerate(outputs)),
        )
    except (SignatureError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"The signature in the MLmodel cannot be taken over: {error}.") from error


def _entries(text: Any) -> list[Mapping[str, Any]]:
    if text is None:
        return []
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise BundleError(f"The signature in the MLmodel is not JSON: {error}.") from error
    if not isinstance(found, list) or not all(isinstance(entry, Mapping) for entry in found):
        raise BundleError("The signature in the MLmodel is no list of columns or tensors.")
    return found


def _input(at: int, entry: Mapping[str, Any], count: int) -> Field:
    kind, shape = _type_of(entry)
    name = _name(entry) or ("input" if count == 1 else f"f{at}")
    needed = entry.get("required", not entry.get("optional", False))
    return Field(name, kind, shape=shape, required=bool(needed))


def _output(at: int, entry: Mapping[str, Any], count: int, method: str) -> OutputField:
    """MLflow seldom names an output: then it is what the method and the type say that it is."""
    kind, shape = _type_of(entry)
    usual = "probability" if method in _PROBABILITIES else "value" if kind.startswith("float") else "label"
    name = usual if count == 1 else _name(entry) or f"{usual}_{at}"
    return OutputField(name, kind, shape=shape)


def _name(entry: Mapping[str, Any]) -> str | None:
    name = entry.get("name")
    # A column may have a number for a name.
    return None if name is None or name == "" else str(name)


def _type_of(entry: Mapping[str, Any]) -> tuple[FieldType, tuple[int, ...]]:
    """Our type and the shape of one instance. Raises BundleError."""
    if entry.get("type") != "tensor":
        kind = _COLUMNS.get(str(entry.get("type")))
        if kind is None:
            raise BundleError(f"The MLmodel has a column of type {entry.get('type')!r}, which mlserve does not have.")
        return kind, ()
    tensor = entry["tensor-spec"]
    dtype, shape = str(tensor["dtype"]), tensor["shape"]
    if not isinstance(shape, Sequence) or not all(type(size) is int for size in shape) or shape[:1] not in ([-1], []):
        raise BundleError(
            f"The MLmodel has a tensor of shape {shape!r}: the first size must be -1, the number of rows."
        )
    dtype = "string" if dtype in ("str", "object") or dtype.startswith("<U") else dtype
    if dtype not in TYPES:
        raise BundleError(f"The MLmodel has a tensor of type {dtype!r}, which mlserve does not have.")
    return cast(FieldType, dtype), tuple(shape[1:])
