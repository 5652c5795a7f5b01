"""Form: what one instance of an ONNX model is (`mlserve.tensors.Mode`), and the signature that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args

from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature
from mlserve.tensors import Mode, NumberOrText, inside
from mlserve_onnx.model_file import ModelFile, Value

PROPERTY: Final = "mlserve_instance"  # in the file's own metadata, where the rule is wrong for a model

TYPES: Final[dict[str, NumberOrText]] = {
    "bool": "bool",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "float16": "float16",
    "bfloat16": "float32",  # numpy has none; every one of its numbers is a float32 too
    "float": "float32",
    "double": "float64",
    "string": "string",
}
_MAPS: Final = ("seq(map(string,tensor(float)))", "seq(map(int64,tensor(float)))")


@dataclass(frozen=True)
class Form:
    """`outputs` are as ONNX Runtime infers them, which knows more sizes than the file says."""

    mode: Mode
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    columns: bool  # several inputs (n, 1), as converters make them of a data frame: each is one value an instance
    signature: Signature


def form_of(file: ModelFile, outputs: Sequence[Value]) -> Form:
    """Raises SignatureError where the model takes or gives what no signature has."""
    if not file.inputs:
        raise SignatureError("The model has no inputs, so that there is nothing to ask it.")
    for value in file.inputs:
        _require_tensor(value, "input")
    for value in outputs:
        if not _is_maps(value):
            _require_tensor(value, "output")
        elif value.name not in file.keys:
            raise SignatureError(f"The keys of the maps of the output {value.name!r} are not in the file.")
    mode = _mode(file, outputs)
    if mode == "whole" and any(map(_is_maps, outputs)):
        raise SignatureError("The model answers a list of maps, and its inputs have no first axis of any size.")
    columns = mode == "rows" and len(file.inputs) > 1 and all(_inside(value, mode) == (1,) for value in file.inputs)
    signature = Signature(
        inputs=tuple(
            Field(value.name, _type(value), shape=() if columns else _inside(value, mode)) for value in file.inputs
        ),
        outputs=tuple(_output(file, value, mode) for value in outputs),
    )
    return Form(mode, file.inputs, tuple(outputs), columns, signature)


def _mode(file: ModelFile, outputs: Sequence[Value]) -> Mode:
    said = file.metadata.get(PROPERTY)
    tensors = [value for value in (*file.inputs, *outputs) if not _is_maps(value)]
    possible: dict[Mode, bool] = {
        "rows": all(value.shape and not isinstance(value.shape[0], int) for value in tensors),
        "one": all(value.shape and (not isinstance(value.shape[0], int) or value.shape[0] == 1) for value in tensors),
        "whole": True,
    }
    if said is not None:
        if said not in get_args(Mode):
            raise SignatureError(f"The file's {PROPERTY} is {said[:50]!r}, and must be {', '.join(possible)}.")
        if not possible[cast(Mode, said)]:
            raise SignatureError(f"The file's {PROPERTY} is {said!r}, which the first axes of its tensors contradict.")
        return cast(Mode, said)
    if possible["rows"] and _same_rows(file.inputs, outputs):
        return "rows"
    if all(value.shape and value.shape[0] == 1 for value in tensors):
        return "one"
    return "whole"


def _same_rows(inputs: Sequence[Value], outputs: Sequence[Value]) -> bool:
    """Whether the first axes count the same thing, as far as their names tell."""
    names = {value.shape[0] for value in inputs if value.shape and value.shape[0] is not None}
    others = {size for value in inputs for size in (value.shape or ())[1:] if isinstance(size, str)}
    return len(names) <= 1 and not any(value.shape and value.shape[0] in others - names for value in outputs)


def _require_tensor(value: Value, kind: str) -> None:
    if value.element is None:
        raise SignatureError(f"The {kind} {value.name!r} is {value.type}; only tensors are served.")
    if value.element not in TYPES:
        raise SignatureError(f"The {kind} {value.name!r} holds {value.element}, a type that no signature has.")
    if value.shape is None:
        raise SignatureError(
            f"The {kind} {value.name!r} may have any number of axes: export the model with its shapes."
        )


def _is_maps(value: Value) -> bool:
    return value.type in _MAPS


def _output(file: ModelFile, value: Value, mode: Mode) -> OutputField:
    if _is_maps(value):
        keys = file.keys[value.name]
        return OutputField(value.name, "float32", shape=(len(keys),), categories=keys)
    return OutputField(value.name, _type(value), shape=_inside(value, mode))


def _type(value: Value) -> NumberOrText:
    return TYPES[value.element or ""]


def _inside(value: Value, mode: Mode) -> tuple[int, ...]:
    return inside(value.name, value.shape or (), mode)
