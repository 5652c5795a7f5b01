"""Form: what one instance of a model is (`mlserve.tensors.Mode`), and the signature that follows from it."""

from dataclasses import dataclass
from typing import Final, cast, get_args

from mlserve.errors import SignatureError
from mlserve.signature import Field, OutputField, Signature, channel_axis
from mlserve.tensors import ANY_SIZE, Mode, NumberOrText, inside
from mlserve_tflite.notes import Note, Notes
from mlserve_tflite.probe import Probed, Tensor

_TYPES: Final = frozenset(get_args(NumberOrText))
PIXELS: Final = frozenset({"uint8", "int8", "float16", "float32"})  # types of a tensor that may be a picture


@dataclass(frozen=True)
class Form:
    """`tensors` is the signature without what the metadata tells: a picture is the tensor that the model takes."""

    mode: Mode
    model: Probed
    notes: Notes
    tensors: Signature
    signature: Signature


def form_of(model: Probed, notes: Notes) -> Form:
    """Raises SignatureError where the model takes or gives what no signature has."""
    if not model.inputs:
        raise SignatureError("The model has no inputs, so that there is nothing to ask it.")
    mode = _mode(model)
    plain = [
        Field(tensor.name, _type(tensor), shape=inside(tensor.name, tensor.shape, mode)) for tensor in model.inputs
    ]
    outputs = [
        OutputField(tensor.name, _type(tensor), shape=inside(tensor.name, tensor.shape, mode))
        for tensor in model.outputs
    ]
    told = tuple(
        _input(field, tensor, notes.input(at))
        for at, (field, tensor) in enumerate(zip(plain, model.inputs, strict=True))
    )
    named = tuple(_output(field, notes.output(at)) for at, field in enumerate(outputs))
    return Form(mode, model, notes, Signature(tuple(plain), tuple(outputs)), Signature(told, named))


def _mode(model: Probed) -> Mode:
    firsts = [tensor.shape[0] if tensor.shape else 0 for tensor in (*model.inputs, *model.outputs)]
    if all(size == ANY_SIZE for size in firsts):
        return "rows"
    return "one" if all(size in (1, ANY_SIZE) for size in firsts) else "whole"


def _type(tensor: Tensor) -> NumberOrText:
    """Quantised tensors are the real numbers that they stand for."""
    if tensor.type not in _TYPES:
        raise SignatureError(f"The tensor {tensor.name!r} holds {tensor.type}, a type that no signature has.")
    return "float32" if tensor.scale is not None else cast(NumberOrText, tensor.type)


def _input(field: Field, tensor: Tensor, note: Note) -> Field:
    """A picture where the metadata says so, and the tensor has the sizes of one: (height, width, channels)."""
    if not note.image or tensor.type not in PIXELS or channel_axis(field.shape[::-1]) != 0:
        return field
    if ANY_SIZE not in field.shape:
        return Field(field.name, "image", shape=field.shape)
    return Field(field.name, "image") if field.shape[:2] == (ANY_SIZE, ANY_SIZE) and field.shape[2] == 3 else field


def _output(field: OutputField, note: Note) -> OutputField:
    """Scores by their labels, where there is one for each."""
    if field.type not in ("float16", "float32", "float64") or field.shape != (len(note.labels),):
        return field
    return OutputField(field.name, field.type, shape=field.shape, categories=note.labels)
