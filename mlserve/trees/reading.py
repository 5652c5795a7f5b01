"""Reads a model file that a family checks by itself, and says in a sentence what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mlserve.errors import BundleError

_File = TypeVar("_File")
# What a file that is not as its format says makes of the code that reads it.
UNSOUND = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def read_model(path: Path, parse: Callable[[bytes], _File], what: str) -> _File:
    """What `parse` makes of the file; `what` it should be is said in the sentence of a BundleError.

    Raises BundleError where the file cannot be read, or `parse` raises one of UNSOUND.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BundleError(f"The model file {path.name} cannot be read: {error.strerror}.") from error
    try:
        return parse(raw)
    except UNSOUND as error:
        raise BundleError(f"{path.name} is not a sound {what}: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not text in {error.encoding.upper()}"
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]}"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    if isinstance(error, TypeError | AttributeError):
        return "a part of it has the wrong type"
    return str(error).rstrip(".")
