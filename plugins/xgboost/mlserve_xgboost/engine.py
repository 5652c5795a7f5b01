"""The engine `exact`: XGBoost's own prediction through a prepared C call.

Equal to the bit to `Booster.predict(DMatrix, iteration_range=(0, best_iteration + 1))`. `gbtree` answers in place;
`dart` and `gblinear` go through a DMatrix, because in place dart differs in its last bit and gblinear has no such call.
"""

import ctypes
import json
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import NotSupported
from mlserve_xgboost.library import Handle, Result, XGBoostError, check, library
from mlserve_xgboost.model_file import ModelFile

NAME: Final = "exact"
_FLOAT: Final = np.dtype(np.float32)
_TREES: Final = ("gain", "weight", "cover")

Values = NDArray[np.float32]


class Engine:
    """A booster in the library's memory; `predict` may be called from many threads at once."""

    def __init__(self, file: ModelFile, width: int, threads: int) -> None:
        """Load what `file` holds; `width` is how many numbers it answers for one row.

        `threads` is how many the library uses for one call. A process in which it has once used several must not fork:
        the child hangs in its first call.
        Raises XGBoostError when the library refuses the model.
        """
        self._library = library()
        self._handle = Handle()
        self.features = file.features
        self.width = width
        self.in_place = file.booster == "gbtree"
        self.score_kinds: tuple[str, ...] = ("weight",) if file.booster == "gblinear" else _TREES
        self._config = _config(file.used_rounds if file.best_iteration is not None else 0, self.in_place)
        self._matrix_config = json.dumps({"missing": float("nan"), "nthread": threads}).encode()
        # XGBoost promises thread-safe predictions for trees only.
        self._turn: AbstractContextManager[Any] = threading.Lock() if file.booster == "gblinear" else nullcontext()
        self._local = threading.local()
        check(self._library.XGBoosterCreate(None, 0, ctypes.byref(self._handle)))
        try:
            check(self._library.XGBoosterSetParam(self._handle, b"nthread", b"%d" % threads))
            # A booster takes its parameters up when it is first used, and loading is no use: it would start a thread
            # for each core. Asking the empty booster for its features fails, after it has taken them up.
            self._library.XGBoosterGetNumFeature(self._handle, ctypes.byref(ctypes.c_uint64()))
            check(self._library.XGBoosterLoadModelFromBuffer(self._handle, file.raw, len(file.raw)))
            # The first prediction configures the booster, which no second thread may do at the same time.
            self.predict(np.zeros((1, self.features), _FLOAT))
        except BaseException:
            self.close()
            raise

    def predict(self, matrix: Values) -> Values:
        """Answer a C-ordered float32 matrix (n, features), NaN for missing: a read-only array (n, width).

        Raises NotSupported for an infinite input to a booster that cannot take it, XGBoostError when the library
        fails.
        """
        n, columns = matrix.shape
        if columns != self.features:
            raise XGBoostError(f"the matrix has {columns} columns where {self.features} were expected")
        if n == 0:
            return np.empty((0, self.width), _FLOAT)
        try:
            caller: _Caller = self._local.caller
        except AttributeError:
            caller = self._local.caller = _Caller(self.features)
        interface = caller.one_row(matrix) if n == 1 else array_interface(matrix)
        if self.in_place:
            check(
                self._library.XGBoosterPredictFromDense(
                    self._handle, interface, self._config, None, *caller.result.arguments
                )
            )
        else:
            self._predict_copy(matrix, interface, caller.result)
        return np.ndarray((n, self.width), _FLOAT, caller.result.copy(n * self.width))

    def scores(self, kind: str) -> dict[int, float | list[float]]:
        """The importance of each feature that the model uses, by its position; a list where each class has its own."""
        names = [f"f{position}" for position in range(self.features)]
        config = json.dumps({"importance_type": kind, "feature_map": "", "feature_names": names}).encode()
        result, count, features = Result(), ctypes.c_uint64(), ctypes.POINTER(ctypes.c_char_p)()
        shape, dimensions, floats = result.arguments
        found = (ctypes.byref(count), ctypes.byref(features), dimensions, shape, floats)
        check(self._library.XGBoosterFeatureScore(self._handle, config, *found))
        groups = result.shape[1] if result.dimensions.value > 1 else 1
        values = np.frombuffer(result.copy(count.value * groups), _FLOAT).reshape(count.value, groups).tolist()
        positions = [int((features[place] or b"f0")[1:]) for place in range(count.value)]
        return {
            position: row[0] if groups == 1 else row for position, row in sorted(zip(positions, values, strict=True))
        }

    def close(self) -> None:
        """Give the booster's memory back; no `predict` runs any more."""
        handle, self._handle = self._handle, Handle()
        if handle.value is not None:
            self._library.XGBoosterFree(handle)

    def _predict_copy(self, matrix: Values, interface: bytes, result: Result) -> None:
        if np.isinf(matrix).any():
            raise NotSupported("This booster cannot take infinite inputs.")
        copied = Handle()
        check(self._library.XGDMatrixCreateFromDense(interface, self._matrix_config, ctypes.byref(copied)))
        try:
            with self._turn:
                check(self._library.XGBoosterPredictFromDMatrix(self._handle, copied, self._config, *result.arguments))
        finally:
            self._library.XGDMatrixFree(copied)


class _Caller:
    """One thread's room for a call: a row at an address that does not change, so that its text is made once."""

    __slots__ = ("interface", "result", "row")

    def __init__(self, features: int) -> None:
        self.row = np.empty((1, features), _FLOAT)
        self.interface = array_interface(self.row)
        self.result = Result()

    def one_row(self, matrix: Values) -> bytes:
        self.row[:] = matrix
        return self.interface


def array_interface(matrix: Values) -> bytes:
    """How the C API takes an array: the address and shape as JSON (NumPy's array interface, version 3)."""
    if not matrix.flags.c_contiguous or matrix.dtype != _FLOAT:
        raise XGBoostError("the matrix is not float32 in C order")
    address, (rows, columns) = matrix.__array_interface__["data"][0], matrix.shape
    return b'{"data":[%d,true],"shape":[%d,%d],"typestr":"%s","version":3}' % (
        address,
        rows,
        columns,
        _FLOAT.str.encode(),
    )


def _config(rounds: int, in_place: bool) -> bytes:
    """The arguments of a prediction; `rounds` 0 means all of them."""
    config: dict[str, Any] = {"type": 0, "training": False, "iteration_begin": 0, "iteration_end": rounds}
    if in_place:
        config |= {"missing": float("nan"), "cache_id": 0}
    return json.dumps(config | {"strict_shape": True}).encode()
