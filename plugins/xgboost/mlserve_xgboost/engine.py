"""The engine `exact`: XGBoost's own prediction through a prepared C call.

Equal to the bit to `Booster.predict(DMatrix, iteration_range=(0, best_iteration + 1))`. `gbtree` answers in place;
`dart` and `gblinear` go through a DMatrix, because in place dart differs in its last bit and gblinear has no such call.
"""

import ctypes
import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import NotSupported
from mlserve_xgboost.library import Handle, Result, XGBoostError, check, holding_library, library
from mlserve_xgboost.model_file import EXPLAINED_DEPTH, ModelFile

_FLOAT: Final = np.dtype(np.float32)
_TREES: Final = ("gain", "weight", "cover")
# The library keeps each thread's last answer: explanations are asked for in parts of at most this many numbers.
_PART: Final = 1_000_000
# One row visits each node of a model once at most. A file of this many bytes has some 50,000 nodes: far below 1 ms.
_SHORT: Final = 2 * 1024 * 1024

# The library's numbers for what a prediction answers.
_ANSWER, _MARGIN, _CONTRIBUTIONS = range(3)

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
        self.groups = max(file.classes, file.targets)
        self.explains = not (file.vector_leaves or file.deep)
        self.in_place = file.booster == "gbtree"
        # A call that is shorter than handing the interpreter over and getting it back had better keep it.
        self._for_one_row = holding_library() if len(file.raw) <= _SHORT else self._library
        self.score_kinds: tuple[str, ...] = ("weight",) if file.booster == "gblinear" else _TREES
        rounds = file.used_rounds if file.best_iteration is not None else 0
        self._config = _config(_ANSWER, rounds, self.in_place)
        self._margin_config = _config(_MARGIN, rounds, False)
        self._contributions_config = _config(_CONTRIBUTIONS, rounds, False)
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
        n = self._rows_of(matrix)
        if n == 0:
            return np.empty((0, self.width), _FLOAT)
        caller = self._caller()
        interface = caller.one_row(matrix) if n == 1 else array_interface(matrix)
        if self.in_place:
            predict = (self._for_one_row if n == 1 else self._library).XGBoosterPredictFromDense
            check(predict(self._handle, interface, self._config, caller.proxy, *caller.result.arguments))
        else:
            self._predict_copy(matrix, interface, caller.result)
        return np.ndarray((n, self.width), _FLOAT, caller.result.copy(n * self.width))

    def contributions(self, matrix: Values) -> tuple[Values, Values]:
        """What each feature adds to the margin, and the margin: (n, groups, features + 1) and (n, groups), float32.

        A group is a class, a target or a quantile; the last of the contributions is the bias. Trees: TreeSHAP, linear
        models: weight times value, both as `Booster.predict(DMatrix, pred_contribs=True)` gives them, to the bit.
        Raises NotSupported for trees with vector leaves or hundreds of levels and for infinite inputs, XGBoostError
        when the library fails.
        """
        if not self.explains:
            raise NotSupported(
                "Trees with vector leaves (multi_output_tree) cannot be explained, nor, in any bearable time, trees of "
                f"more than {EXPLAINED_DEPTH} levels."
            )
        n, width = self._rows_of(matrix), self.groups * (self.features + 1)
        if np.isinf(matrix).any():
            raise NotSupported("Instances with infinite inputs cannot be explained.")
        contributions = np.empty((n, self.groups, self.features + 1), _FLOAT)
        margin = np.empty((n, self.groups), _FLOAT)
        result, rows = self._caller().result, max(1, _PART // width)
        for start in range(0, n, rows):
            part = matrix[start : start + rows]
            with self._copied(array_interface(part)) as copied:
                self._predict_copied(copied, self._contributions_config, result)
                given = np.frombuffer(result.copy(len(part) * width), _FLOAT)
                contributions[start : start + rows] = given.reshape(len(part), self.groups, -1)
                self._predict_copied(copied, self._margin_config, result)
                given = np.frombuffer(result.copy(len(part) * self.groups), _FLOAT)
                margin[start : start + rows] = given.reshape(len(part), self.groups)
        return contributions, margin

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
        """Give the booster's memory back, and each thread's room; no `predict` runs any more."""
        self._local = threading.local()
        handle, self._handle = self._handle, Handle()
        if handle.value is not None:
            self._library.XGBoosterFree(handle)

    def _rows_of(self, matrix: Values) -> int:
        if matrix.shape[1] != self.features:
            raise XGBoostError(f"the matrix has {matrix.shape[1]} columns where {self.features} were expected")
        return len(matrix)

    def _caller(self) -> "_Caller":
        try:
            caller: _Caller = self._local.caller
        except AttributeError:
            caller = self._local.caller = _Caller(self._library, self.features)
        return caller

    def _predict_copy(self, matrix: Values, interface: bytes, result: Result) -> None:
        if np.isinf(matrix).any():
            raise NotSupported("This booster cannot take infinite inputs.")
        with self._copied(interface) as copied:
            self._predict_copied(copied, self._config, result)

    def _predict_copied(self, copied: Handle, config: bytes, result: Result) -> None:
        with self._turn:
            check(self._library.XGBoosterPredictFromDMatrix(self._handle, copied, config, *result.arguments))

    @contextmanager
    def _copied(self, interface: bytes) -> Iterator[Handle]:
        """The rows as the library's DMatrix."""
        copied = Handle()
        check(self._library.XGDMatrixCreateFromDense(interface, self._matrix_config, ctypes.byref(copied)))
        try:
            yield copied
        finally:
            self._library.XGDMatrixFree(copied)


class _Caller:
    """One thread's room for calls, given back with the thread or the engine, whichever ends first.

    It has a row at an address that does not change, so that its text is made once, and the matrix that the library
    puts around what it is given. Without one the library makes it anew for every call, for which it reads the
    processor limits of the control group from files.
    """

    __slots__ = ("_library", "interface", "proxy", "result", "row")

    def __init__(self, library: ctypes.CDLL, features: int) -> None:
        self._library, self.proxy = library, Handle()
        self.row = np.empty((1, features), _FLOAT)
        self.interface = array_interface(self.row)
        self.result = Result()
        check(library.XGProxyDMatrixCreate(ctypes.byref(self.proxy)))

    def __del__(self) -> None:
        if self.proxy.value is not None:
            self._library.XGDMatrixFree(self.proxy)

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


def _config(kind: int, rounds: int, in_place: bool) -> bytes:
    """The arguments of a prediction; `rounds` 0 means all of them."""
    config: dict[str, Any] = {"type": kind, "training": False, "iteration_begin": 0, "iteration_end": rounds}
    if in_place:
        config |= {"missing": float("nan"), "cache_id": 0}
    return json.dumps(config | {"strict_shape": True}).encode()
