"""The few functions of LightGBM's C API that answering needs, called without its Python package.

Importing the package brings scipy and, where they are installed, pandas and scikit-learn: a second and 130 MB of every
worker. The library itself is the same file either way, and a process that also imports `lightgbm` shares it.
Source: https://lightgbm.readthedocs.io/en/v4.6.0/C-API.html
"""

import ctypes
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from mlserve.errors import ConfigurationError

INSTALL: Final = (
    "The plugin lightgbm needs the LightGBM library, which is not installed: "
    "in a clone run `.venv/bin/pip install -e plugins/lightgbm -c constraints.txt`."
)
Handle = ctypes.c_void_p
_Library = TypeVar("_Library", bound=ctypes.CDLL)
_FILE_NAMES: Final = {"win32": "lib_lightgbm.dll", "darwin": "lib_lightgbm.dylib"}
_LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)

_Int, _Long, _Text = ctypes.c_int, ctypes.c_int64, ctypes.c_char_p
_Doubles = ctypes.c_void_p  # The address of float64 numbers.
_LongAt, _IntAt, _HandleAt = ctypes.POINTER(_Long), ctypes.POINTER(_Int), ctypes.POINTER(Handle)
# The arguments of each function that is called here; all of them return 0, or -1 after a failure.
_PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    "LGBM_SetMaxThreads": (_Int,),
    "LGBM_RegisterLogCallback": (_LogCallback,),
    "LGBM_BoosterLoadModelFromString": (_Text, _IntAt, _HandleAt),
    "LGBM_BoosterFree": (Handle,),
    # The booster, numbers, their type, rows, columns, whether by row, the kind of answer, the first round, how many,
    # parameters, where the length of the answer goes, where the answer goes.
    "LGBM_BoosterPredictForMat": (Handle, _Doubles, _Int, _Int, _Int, _Int, _Int, _Int, _Int, _Text, _LongAt, _Doubles),
    # The booster, the kind of answer, the first round, how many, the numbers' type, columns, parameters, the result.
    "LGBM_BoosterPredictForMatSingleRowFastInit": (Handle, _Int, _Int, _Int, _Int, _Int, _Text, _HandleAt),
    "LGBM_BoosterPredictForMatSingleRowFast": (Handle, _Doubles, _LongAt, _Doubles),
    "LGBM_FastConfigFree": (Handle,),
    "LGBM_BoosterFeatureImportance": (Handle, _Int, _Int, _Doubles),
}


class LightGBMError(Exception):
    """What the library says, in its own words."""


def is_installed() -> bool:
    """Whether the distribution `lightgbm` is there; imports nothing."""
    return importlib.util.find_spec("lightgbm") is not None


def version() -> str:
    """The library's version, from the text file that its package brings."""
    return (_package() / "VERSION.txt").read_text(encoding="utf-8").strip()


@cache
def library() -> ctypes.CDLL:
    """The library, loaded into this process. Raises ConfigurationError where it is not there."""
    loaded = _prepared(ctypes.CDLL(str(_find())))
    # What it has to say it says by the code that it returns too; otherwise it writes to standard output.
    loaded.LGBM_RegisterLogCallback(_say_nothing)
    return loaded


@cache
def holding_library() -> ctypes.PyDLL:
    """The same library, for short calls: the calling thread keeps the interpreter's lock meanwhile.

    Whoever lets go of the lock for 10 µs may wait for it 500 times as long, until another thread has had its turn.
    """
    return _prepared(ctypes.PyDLL(str(_find())))


def limit_threads(threads: int) -> None:
    """At most so many threads for any call of the library in this process, by whomever.

    The library sizes its room by the number of threads that the last caller asked for, and starts as many as the next
    one did: two callers who differ write outside of it. With one limit for all there is nothing to differ in.
    """
    check(library().LGBM_SetMaxThreads(threads))


def check(returned: int) -> None:
    """Raises LightGBMError with the library's sentence unless `returned` is 0."""
    if returned != 0:
        raise LightGBMError(library().LGBM_GetLastError().decode("utf-8", "replace").strip())


def _prepared(loaded: _Library) -> _Library:
    loaded.LGBM_GetLastError.restype = ctypes.c_char_p
    for name, arguments in _PROTOTYPES.items():
        function = getattr(loaded, name)
        function.argtypes = arguments
        function.restype = ctypes.c_int
    return loaded


@_LogCallback
def _say_nothing(message: bytes) -> None:
    pass


def _package() -> Path:
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(INSTALL)
    return Path(spec.submodule_search_locations[0])


def _find() -> Path:
    """The places where LightGBM's own `libpath` looks: a wheel, an older wheel, a conda environment."""
    package = _package()
    name = _FILE_NAMES.get(sys.platform, "lib_lightgbm.so")
    for folder in (package / "lib", package, package / "bin", Path(sys.base_prefix) / "lib"):
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError(f"The LightGBM package in {package} has no {name}: install it again.")
