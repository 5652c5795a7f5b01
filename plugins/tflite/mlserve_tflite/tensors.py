"""From a Batch to the tensors that the model takes, and from those that it gives to answers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import SignatureError
from mlserve.signature import Field, Signature, channel_axis
from mlserve.tensors import Change, Feed, changed, column_feed, feeds_of, require_picture
from mlserve_tflite.form import PIXELS, Form
from mlserve_tflite.notes import Note
from mlserve_tflite.probe import Tensor

# The axis of a picture's channels, by its place from behind: TensorFlow Lite has them last.
_AXES: Final[Mapping[int | None, int]] = {0: 2}


def make_feeds(form: Form, signature: Signature) -> list[Feed]:
    """One for each input of the model. Raises SignatureError where the signature is not one that it can answer."""
    tensors, own = form.model.inputs, form.tensors.inputs

    def feed(place: int, field: Field) -> Feed:
        tensor, note = tensors[place], form.notes.input(place)
        if field.type == "image":
            return changed(field, _pixels(tensor, own[place], field, note))
        if tensor.scale is not None and field.type == tensor.type:  # The quantised numbers themselves.
            return column_feed(replace(own[place], type=field.type), field)
        column = column_feed(own[place], field)
        _require_present(tensor, field)
        change = _change_of(tensor)
        return column if change is None else changed(field, change, column)

    if signature.names != form.tensors.names:
        for field in signature.inputs:  # Columns of the one tensor.
            _require_present(tensors[0], field)
    return feeds_of(own, signature, feed, _change_of(tensors[0]))


def answer_of(tensor: Tensor, array: NDArray[Any]) -> NDArray[Any]:
    """What the library gave, in the type of the signature: quantised numbers as float32, texts as str."""
    if tensor.type == "string":
        texts = [text.decode("utf-8", "replace") for text in array.ravel()]
        return np.array(texts, object).reshape(array.shape)
    return array if tensor.scale is None else dequantized(tensor, array)


def quantized(tensor: Tensor, real: NDArray[Any]) -> NDArray[Any]:
    """The nearest quantised number, as TensorFlow Lite rounds: halves away from zero."""
    assert tensor.scale is not None
    steps = np.asarray(real, np.float32) / np.float32(tensor.scale)
    rounded = np.copysign(np.floor(np.abs(steps) + np.float32(0.5)), steps) + np.float32(tensor.zero)
    limits = np.iinfo(tensor.type)
    clipped = np.clip(rounded.astype(np.float64), limits.min, limits.max)
    return np.asarray(clipped, tensor.type)


def dequantized(tensor: Tensor, numbers: NDArray[Any]) -> NDArray[Any]:
    assert tensor.scale is not None
    return np.asarray((numbers.astype(np.int64) - tensor.zero).astype(np.float32) * np.float32(tensor.scale))


def _change_of(tensor: Tensor) -> Change | None:
    """What the library wants besides the tensor's own type: texts as bytes, real numbers quantised."""
    if tensor.type == "string":
        return _bytes
    return None if tensor.scale is None else lambda array: quantized(tensor, array)


def _require_present(tensor: Tensor, field: Field) -> None:
    if field.nullable and tensor.scale is not None:
        raise SignatureError(f"The input {field.name!r} may be missing, for which {tensor.type} has no value.")


def _bytes(texts: NDArray[Any]) -> NDArray[Any]:
    encoded = np.array([text.encode() for text in texts.ravel()] or [b""], object)[: texts.size]
    return encoded.reshape(texts.shape)


def _pixels(tensor: Tensor, own: Field, field: Field, note: Note) -> Change:
    """Float pictures are normalised as the metadata says; bytes are fed as they are, as Google's Task Library does."""
    axis = _AXES.get(channel_axis(own.shape[::-1]))
    require_picture(own, field, axis, PIXELS)
    if tensor.type == "uint8":
        return lambda pixels: np.ascontiguousarray(pixels)
    mean, std = np.array(note.mean or 0, np.float32), np.array(note.std or 1, np.float32)
    if not ({mean.size, std.size} <= {1, own.shape[-1]} and np.isfinite(mean).all() and (std != 0).all()):
        raise SignatureError(f"The file's normalisation of the image {field.name!r} does not fit its channels.")
    if tensor.type == "int8" and (tensor.scale is None or not note.std):
        return lambda pixels: (pixels.astype(np.int16) - 128).astype(np.int8)
    if tensor.type == "int8":
        return lambda pixels: quantized(tensor, (pixels.astype(np.float32) - mean) / std)
    return lambda pixels: ((pixels.astype(np.float32) - mean) / std).astype(tensor.type)
