"""From an answered prediction to the tensors of a response, as JSON or as bytes behind it."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from mlserve.errors import Invalid, NotSupported, Problem
from mlserve.protocols import Answered
from mlserve.signature import OutputField
from mlserve_oip import framing
from mlserve_oip.datatypes import BYTES, NUMBERS, RAW, datatype_of
from mlserve_oip.presentation import Tensor
from mlserve_oip.request import InferRequest

_SERIALIZE = orjson.OPT_SERIALIZE_NUMPY


class Wanted(NamedTuple):
    """An output that the caller wants, as JSON or as bytes."""

    tensor: Tensor
    binary: bool


class Body(NamedTuple):
    """`json_length`: how much of it is JSON; None: all of it."""

    content: bytes
    json_length: int | None


def wanted_outputs(outputs: Mapping[str, Tensor], request: InferRequest | None) -> list[Wanted]:
    """What the caller selects; all outputs where they select none. Without a request, all of them as bytes.

    Raises Invalid for an output that the model has not, and for one that is selected twice.
    """
    otherwise = request is None or request.parameter("binary_data_output") is True
    if request is None or not request.outputs:
        return [Wanted(tensor, otherwise) for tensor in outputs.values()]
    problems = []
    found: dict[str, Wanted] = {}
    for place, one in enumerate(request.outputs):
        if one.name not in outputs or one.name in found:
            expected = "each output once" if one.name in found else f"one of {', '.join(outputs)}"
            problems.append(Problem("unknown_field", expected, one.name, f"/outputs/{place}/name", field=one.name))
            continue
        binary = None if one.parameters is None else one.parameters.get("binary_data")
        found[one.name] = Wanted(outputs[one.name], otherwise if binary is None else bool(binary))
    if problems:
        raise Invalid("The outputs are not those of the model.", problems=problems)
    return list(found.values())


def response_body(answered: Answered, wanted: Sequence[Wanted], identity: str | None) -> Body:
    """The response; `wanted` are outputs of the version that has answered, `identity` is the `id` of the request.

    Raises NotSupported.
    """
    record = answered.record
    arrays = answered.arrays or {}
    # The stored answer to an Idempotency-Key has no arrays any more.
    rows = msgspec.json.decode(record.outputs) if answered.replayed else None
    parts: list[bytes] = []
    behind: list[bytes] = []
    for tensor, binary in wanted:
        field = tensor.field
        assert isinstance(field, OutputField)
        if rows is None:
            values = _of_predictor(arrays[tensor.name], field)
        else:
            values = _of_record([row[tensor.name] for row in rows], field)
        parts.append(_tensor(tensor, values, record.n, behind if binary else None))
    head = {
        "model_name": record.model,
        "model_version": str(record.version),
        **({} if identity is None else {"id": identity}),
        "parameters": {
            "prediction_id": record.id,
            "version": record.version,
            **({} if record.alias is None else {"alias": record.alias}),
        },
    }
    text = orjson.dumps(head)[:-1] + b',"outputs":[' + b",".join(parts) + b"]}"
    if not any(one.binary for one in wanted):
        return Body(text, None)
    return Body(b"".join([text, *behind]), len(text))


def _tensor(tensor: Tensor, values: "Values", n: int, behind: list[bytes] | None) -> bytes:
    """The JSON of one output; its bytes are added to `behind`, if that is where they go and they can."""
    shape = [n, *values.shape]
    head = tensor.head + b',"shape":' + orjson.dumps(shape)
    if behind is not None and values.holes is None:
        raw = framing.binary(tensor.datatype, values.flat)
        behind.append(raw)
        return head + b',"parameters":{"binary_data_size":%d}}' % len(raw)
    return head + _kind(tensor) + b',"data":' + values.json(tensor) + b"}"


def _kind(tensor: Tensor) -> bytes:
    """JSON has no bytes: they are base64, which the parameters say."""
    field = tensor.field
    return b',"parameters":{"content_type":"base64"}' if field is not None and field.type in RAW else b""


class Values:
    """The values of one output in row-major order: an array of numbers, or a list of texts or bytes.

    `holes` are where a whole number or a truth value is missing, which only JSON can say; None: nowhere.
    """

    def __init__(self, flat: Any, shape: Sequence[int], holes: NDArray[np.bool_] | None = None) -> None:
        self.flat = flat
        self.shape = tuple(shape)
        self.holes = holes

    def json(self, tensor: Tensor) -> bytes:
        """The JSON array; what JSON cannot write (NaN and infinities) is null."""
        if tensor.datatype == BYTES:
            raw = tensor.field is not None and tensor.field.type in RAW
            return orjson.dumps([base64.b64encode(value).decode() if raw else value.decode() for value in self.flat])
        if self.holes is not None:
            pairs = zip(self.flat.tolist(), self.holes.tolist(), strict=True)
            return orjson.dumps([None if hole else value for value, hole in pairs])
        return orjson.dumps(self.flat, option=_SERIALIZE)


def _of_predictor(array: Any, field: OutputField) -> Values:
    """The values of a predictor's own array (n, *shape), or of n arrays of one shape. Raises NotSupported."""
    if field.varies:
        array = _stacked(array, field)
    array = np.asarray(array)
    shape = array.shape[1:]
    if field.type in ("string", "category", "text", "bytes"):
        flat = array.reshape(-1)
        if flat.dtype.kind in "iub":
            return Values([field.categories[code].encode() for code in flat.tolist()], shape)
        return Values([value if isinstance(value, bytes) else value.encode() for value in flat.tolist()], shape)
    dtype = NUMBERS[datatype_of(field)]
    flat = array.reshape(-1)
    if flat.dtype == dtype:
        return Values(np.ascontiguousarray(flat), shape)
    if dtype.kind != "f" and flat.dtype.kind == "f" and not (finite := np.isfinite(flat)).all():
        return Values(np.where(finite, flat, 0).astype(dtype), shape, ~finite)
    with np.errstate(over="ignore"):
        return Values(np.ascontiguousarray(flat, dtype), shape)


def _of_record(values: list[Any], field: OutputField) -> Values:
    """The values of an answer as it is kept: one for each instance, null where it was not finite.

    Raises NotSupported.
    """
    if field.shape and field.categories and field.type != "category":
        values = [list(value.values()) for value in values]
    shape = field.shape
    if field.varies:
        shapes = {np.shape(value) for value in values}
        if len(shapes) != 1:
            raise _ragged(field)
        shape = shapes.pop()
    flat = [element for value in values for element in _elements(value, shape)]
    if field.type in ("string", "category", "text"):
        return Values([value.encode() for value in flat], shape)
    if field.type == "bytes":
        return Values([base64.b64decode(value) for value in flat], shape)
    dtype = NUMBERS[datatype_of(field)]
    if dtype.kind == "f":
        return Values(np.array(flat, np.float64).astype(dtype), shape)
    holes = np.array([value is None for value in flat], np.bool_)
    return Values(np.array([value or 0 for value in flat], dtype), shape, holes if holes.any() else None)


def _elements(value: Any, shape: Sequence[int]) -> list[Any]:
    """The elements of one instance; of one that is null as a whole, so many nulls."""
    if value is None:
        return [None] * math.prod(shape)
    if not shape:
        return [value]
    return [element for item in value for element in _elements(item, shape[1:])]


def _stacked(arrays: Any, field: OutputField) -> NDArray[Any]:
    """The arrays of all instances as one. Raises NotSupported."""
    each = [np.asarray(array) for array in arrays]
    if len({array.shape for array in each}) > 1:
        raise _ragged(field)
    return np.stack(each)


def _ragged(field: OutputField) -> NotSupported:
    return NotSupported(
        f"The output {field.name} has another shape for each instance, which no tensor has: ask one instance at a time."
    )
