"""recast(): a file's inputs in the form that a sidecar asks for: a matrix by its columns, a tensor as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlserve.signature.fields import ANY_SIZE, CHANNELS, FLOATS, Field, Signature, is_list, takes_shape


def recast(file: Signature, entries: Sequence[Mapping[str, Any]]) -> Signature:
    """The file's signature, recast by what a sidecar says of the inputs; unchanged where it asks for no other form.

    A file whose only input is a vector of k floats takes k named inputs in its place, in their order. A tensor of
    three axes, one of them of 1 or 3 channels, takes `"type": "image"`; its height and width are the file's, or the
    sidecar's `shape` where the file leaves them open.
    """
    if _names_columns(file, entries):
        kind = file.inputs[0].type
        return replace(file, inputs=tuple(Field(entry["name"], kind) for entry in entries))
    said = {entry.get("name"): entry for entry in entries}
    return replace(file, inputs=tuple(_pictured(field, said.get(field.name, {})) for field in file.inputs))


def channel_axis(shape: Sequence[int]) -> int | None:
    """Which axis of a picture's tensor holds the channels: 0 or 2; None where the tensor is no picture."""
    if len(shape) != 3:
        return None
    return next((axis for axis in (0, 2) if shape[axis] in CHANNELS), None)


def picture_shape(kind: str, shape: Sequence[int]) -> tuple[int, ...] | None:
    """Height, width and channels of the picture that a tensor may be; None where it can be none."""
    axis = channel_axis(shape)
    if axis is None or kind not in FLOATS | {"uint8"}:
        return None
    height, width = shape[1:] if axis == 0 else shape[:2]
    return height, width, shape[axis]


def _names_columns(file: Signature, entries: Sequence[Mapping[str, Any]]) -> bool:
    if len(file.inputs) != 1 or not entries:
        return False
    (field,) = file.inputs
    named = all(isinstance(entry.get("name"), str) and entry["name"] != field.name for entry in entries)
    width = field.shape[0] if len(field.shape) == 1 else None
    return named and field.type in FLOATS and width in (ANY_SIZE, len(entries))


def _pictured(field: Field, said: Mapping[str, Any]) -> Field:
    wanted = picture_shape(field.type, field.shape)
    if said.get("type") != "image" or wanted is None:
        return field
    height, width, channels = wanted
    given: Any = said.get("shape")
    if is_list(given) and len(given) == 3:
        if takes_shape(wanted, given):
            return replace(field, type="image", shape=tuple(given))
    elif given is None and ANY_SIZE not in (height, width):
        return replace(field, type="image", shape=wanted)
    elif channels == 3 and height == width == ANY_SIZE:
        return replace(field, type="image", shape=())  # Pictures keep their own size.
    return field
