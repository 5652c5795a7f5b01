"""The few functions of XGBoost's C API that answering needs, called without its Python package.

Importing the package costs half a second and 26 MB of every worker's memory for what is not used here; the library
itself is the same file either way, and a process that also imports `xgboost` shares it.
Source: https://xgboost.readthedocs.io/en/release_3.2.0/c.html
"""

import ctypes
import importlib.util
import math
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from mlserve.errors import ConfigurationError

INSTALL: Final = (
    "The plugin xgboost needs the XGBoost library, which is not installed: "
    "in a clone run `.venv/bin/pip install -e 'plugins/xgboost[cpu]' -c constraints.txt` "
    "(or [gpu] for the one with CUDA)."
)
Handle = ctypes.c_void_p
_Library = TypeVar("_Library", bound=ctypes.CDLL)
_Length = ctypes.c_uint64
_Floats = ctypes.POINTER(ctypes.c_float)
_Lengths = ctypes.POINTER(_Length)
_Texts = ctypes.POINTER(ctypes.c_char_p)
_FILE_NAMES: Final = {"win32": "xgboost.dll", "darwin": "libxgboost.dylib"}

# Where a prediction leaves its shape, the number of its axes, and its numbers.
_ANSWER: Final = (ctypes.POINTER(_Lengths), ctypes.POINTER(_Length), ctypes.POINTER(_Floats))
_SCORES: Final = (ctypes.POINTER(_Length), ctypes.POINTER(_Lengths), ctypes.POINTER(_Floats))
# The arguments of each function that is called here; all of them return 0, or -1 after a failure.
_PROTOTYPES: Final[dict[str, tuple[Any, ...]]] = {
    "XGBoosterCreate": (Handle, _Length, ctypes.POINTER(Handle)),
    "XGBoosterFree": (Handle,),
    "XGBoosterSetParam": (Handle, ctypes.c_char_p, ctypes.c_char_p),
    "XGBoosterGetNumFeature": (Handle, ctypes.POINTER(_Length)),
    "XGBoosterLoadModelFromBuffer": (Handle, ctypes.c_char_p, _Length),
    "XGBoosterPredictFromDense": (Handle, ctypes.c_char_p, ctypes.c_char_p, Handle, *_ANSWER),
    "XGBoosterPredictFromDMatrix": (Handle, Handle, ctypes.c_char_p, *_ANSWER),
    "XGDMatrixCreateFromDense": (ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Handle)),
    "XGDMatrixFree": (Handle,),
    "XGProxyDMatrixCreate": (ctypes.POINTER(Handle),),
    "XGBoosterFeatureScore": (Handle, ctypes.c_char_p, ctypes.POINTER(_Length), ctypes.POINTER(_Texts), *_SCORES),
}


class XGBoostError(Exception):
    """What the library says, in its own words."""


def is_installed() -> bool:
    """Whether either distribution, `xgboost-cpu` or `xgboost`, is there; imports nothing."""
    return importlib.util.find_spec("xgboost") is not None


def version() -> str:
    """The library's version, from the text file that its package brings."""
    return (_package() / "VERSION").read_text(encoding="utf-8").strip()


@cache
def library() -> ctypes.CDLL:
    """The library, loaded into this process. Raises ConfigurationError where it is not there."""
    return _prepared(ctypes.CDLL(str(_find())))


@cache
def holding_library() -> ctypes.PyDLL:
    """The same library, for short calls: the calling thread keeps the interpreter's lock meanwhile.

    Whoever lets go of the lock for 60 µs may wait for it 100 times as long, until another thread has had its turn.
    """
    return _prepared(ctypes.PyDLL(str(_find())))


def _prepared(loaded: _Library) -> _Library:
    loaded.XGBGetLastError.restype = ctypes.c_char_p
    for name, arguments in _PROTOTYPES.items():
        function = getattr(loaded, name)
        function.argtypes = arguments
        function.restype = ctypes.c_int
    return loaded


def check(returned: int) -> None:
    """Raises XGBoostError with the library's sentence, without its stack trace, unless `returned` is 0."""
    if returned != 0:
        text = library().XGBGetLastError().decode("utf-8", "replace")
        raise XGBoostError(text.partition("\nStack trace:")[0].strip())


class Result:
    """Where one thread's calls leave their answer; `values` copies it out before the thread's next call."""

    __slots__ = ("arguments", "dimensions", "floats", "shape")

    def __init__(self) -> None:
        self.shape = _Lengths()
        self.dimensions = _Length()
        self.floats = _Floats()
        self.arguments = (ctypes.byref(self.shape), ctypes.byref(self.dimensions), ctypes.byref(self.floats))

    def copy(self, size: int) -> bytes:
        """The answer's `size` float32 numbers. Raises XGBoostError when the library gave another number of them."""
        given = math.prod(self.shape[: self.dimensions.value])
        if given != size:
            raise XGBoostError(f"the library answered {given} numbers where {size} were expected")
        return ctypes.string_at(self.floats, size * 4)


def _package() -> Path:
    spec = importlib.util.find_spec("xgboost")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(INSTALL)
    return Path(spec.submodule_search_locations[0])


def _find() -> Path:
    """The places where XGBoost's own `libpath` looks: a wheel, a source tree, a conda environment."""
    package = _package()
    name = _FILE_NAMES.get(sys.platform, "libxgboost.so")
    folders = (package / "lib", package.parent.parent / "lib", Path(sys.base_prefix) / "lib")
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError(f"The XGBoost package in {package} has no {name}: install it again.")
