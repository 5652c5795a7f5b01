"""The engine `exact`: LightGBM's own prediction, equal to the bit to `Booster.predict`.

A single row goes through a prepared call (5 µs for 100 trees, where a matrix takes 12 and `Booster.predict` 41).
"""

import ctypes
import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve_lightgbm.library import Handle, LightGBMError, check, holding_library, library, limit_threads
from mlserve_lightgbm.model_file import ModelFile

SCORES: Final = ("split", "gain")
_FLOAT: Final = np.dtype(np.float64)
_FLOAT_CODE: Final = 1  # The library's number for float64.
_BY_ROW: Final = 1
# One row visits each node of a model once at most. A file of this many bytes has some 20,000 nodes: far below 1 ms.
_SHORT: Final = 2 * 1024 * 1024

# The library's numbers for what a prediction answers.
_ANSWER, _MARGIN, _LEAVES, _CONTRIBUTIONS = range(4)

Values = NDArray[np.float64]


class Engine:
    """A booster in the library's memory; `predict` may be called from many threads at once."""

    def __init__(self, file: ModelFile, threads: int) -> None:
        """Load what `file` holds; `threads` is how many the library uses for one call, in the whole process.

        A process in which it has once used several must not fork: the child may hang in its first call.
        Raises LightGBMError when the library refuses the model.
        """
        self._library = library()
        self._handle = Handle()
        self.features, self.width = file.features, file.classes
        self._parameters = b"num_threads=%d verbosity=-1" % threads
        # A call that is shorter than handing the interpreter over and getting it back had better keep it.
        self._for_one_row = holding_library() if len(file.raw) <= _SHORT else self._library
        self._local = threading.local()
        # The library measures its trees anew for each call that explains, where another such call would read them.
        self._explaining = threading.Lock()
        limit_threads(threads)
        rounds = ctypes.c_int()
        check(self._library.LGBM_BoosterLoadModelFromString(file.raw, ctypes.byref(rounds), ctypes.byref(self._handle)))

    def predict(self, matrix: Values) -> Values:
        """Answer a C-ordered float64 matrix (n, features), NaN for missing: an array (n, width).

        Raises LightGBMError when the library fails.
        """
        if len(matrix) != 1:
            return self._predict(matrix, _ANSWER, self.width)
        self._require(matrix)
        return self._caller().one_row(matrix, self._for_one_row)

    def contributions(self, matrix: Values) -> tuple[Values, Values]:
        """What each feature adds to the margin, and the margin: (n, width, features + 1) and (n, width).

        The last of the contributions is the bias; all as `Booster.predict(…, pred_contrib=True)` gives them, to the
        bit. Raises LightGBMError when the library fails.
        """
        with self._explaining:
            found = self._predict(matrix, _CONTRIBUTIONS, self.width * (self.features + 1))
        return found.reshape(len(matrix), self.width, -1), self._predict(matrix, _MARGIN, self.width)

    def scores(self) -> dict[str, Values]:
        """How often each feature splits, and the gain of its splits in all: (features,) each."""
        found = {}
        for number, kind in enumerate(SCORES):
            found[kind] = np.empty(self.features, _FLOAT)
            check(self._library.LGBM_BoosterFeatureImportance(self._handle, -1, number, found[kind].ctypes.data))
        return found

    def close(self) -> None:
        """Give the booster's memory back, and each thread's room; no `predict` runs any more."""
        self._local = threading.local()
        handle, self._handle = self._handle, Handle()
        if handle.value is not None:
            self._library.LGBM_BoosterFree(handle)

    def _predict(self, matrix: Values, kind: int, width: int) -> Values:
        self._require(matrix)
        answer = np.empty((len(matrix), width), _FLOAT)
        if answer.size:
            data, length = matrix.ctypes.data, ctypes.c_int64()
            how = (_FLOAT_CODE, *matrix.shape, _BY_ROW, kind, 0, -1, self._parameters)
            to = (ctypes.byref(length), answer.ctypes.data)
            check(self._library.LGBM_BoosterPredictForMat(self._handle, data, *how, *to))
            _require_length(length, answer.size)
        return answer

    def _require(self, matrix: Values) -> None:
        if matrix.shape[1] != self.features or matrix.dtype != _FLOAT or not matrix.flags.c_contiguous:
            raise LightGBMError(f"the matrix is not float64 in C order with {self.features} columns")

    def _caller(self) -> "_Caller":
        try:
            caller: _Caller = self._local.caller
        except AttributeError:
            caller = self._local.caller = _Caller(
                self._library, self._handle, self.features, self.width, self._parameters
            )
        return caller


class _Caller:
    """One thread's room for a row and its answer, given back with the thread or the engine, whichever ends first."""

    __slots__ = ("_answer", "_arguments", "_config", "_length", "_library", "_row")

    def __init__(self, library: ctypes.CDLL, booster: Handle, features: int, width: int, parameters: bytes) -> None:
        self._library, self._config = library, Handle()
        self._row, self._answer = np.empty((1, features), _FLOAT), np.empty((1, width), _FLOAT)
        self._length = ctypes.c_int64()
        how = (_ANSWER, 0, -1, _FLOAT_CODE, features, parameters)
        check(library.LGBM_BoosterPredictForMatSingleRowFastInit(booster, *how, ctypes.byref(self._config)))
        to: tuple[Any, ...] = (ctypes.byref(self._length), self._answer.ctypes.data)
        self._arguments = (self._config, self._row.ctypes.data, *to)

    def __del__(self) -> None:
        if self._config.value is not None:
            self._library.LGBM_FastConfigFree(self._config)

    def one_row(self, matrix: Values, library: ctypes.CDLL) -> Values:
        self._row[:] = matrix
        check(library.LGBM_BoosterPredictForMatSingleRowFast(*self._arguments))
        _require_length(self._length, self._answer.size)
        return self._answer.copy()


def _require_length(given: ctypes.c_int64, expected: int) -> None:
    if given.value != expected:
        raise LightGBMError(f"the library answered {given.value} numbers where {expected} were expected")
