"""bfloat16, which numpy does not have: the upper half of a float32, handed over as an OrtValue."""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve_onnx.model_file import Value

_BFLOAT16: Final = 16  # in onnx.proto
_NAN: Final = 0x7FC0


def runs(session: Any, inputs: Sequence[Value], outputs: Sequence[Value]) -> Callable[[Sequence[Any]], list[Any]]:
    """Runs a model of which some tensor is bfloat16: here such a tensor is float32."""
    import onnxruntime

    names = [value.name for value in outputs]

    def given(value: Value, array: Any) -> Any:
        if value.element == "bfloat16":
            return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(cut(np.asarray(array)), _BFLOAT16)
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))

    def run(arrays: Sequence[Any]) -> list[Any]:
        # The library does not copy what it is given: the values live until it has answered.
        values = {value.name: given(value, array) for value, array in zip(inputs, arrays, strict=True)}
        found = session.run_with_ort_values(names, values)
        return [
            _read(out) if value.element == "bfloat16" else out.numpy()
            for value, out in zip(outputs, found, strict=True)
        ]

    return run


def cut(array: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The nearest bfloat16 of each number, in its bits; the even one of two that are equally near."""
    # The shape is kept by hand: ascontiguousarray gives a single number an axis.
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).reshape(array.shape).astype(np.uint64)
    nearest = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(array), np.uint16(_NAN), nearest)


def widen(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 of each bfloat16, which is exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _read(value: Any) -> NDArray[np.float32]:
    shape = tuple(value.shape())
    count = int(np.prod(shape, dtype=np.int64))
    raw = ctypes.string_at(value.data_ptr(), 2 * count) if count else b""
    return widen(np.frombuffer(raw, np.uint16)).reshape(shape)
