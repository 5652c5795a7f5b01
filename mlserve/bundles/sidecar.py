"""The files that may stand beside a model file: `<file>.signature.json` and `<file>.metrics.json`."""

import json
from pathlib import Path
from typing import Any, NoReturn

from mlserve.errors import BundleError
from mlserve.names import named_twice


def read_sidecar(artefact: Path) -> dict[str, Any] | None:
    """The signature in JSON that completes the file's own, None if there is none; BundleError if it is not JSON."""
    return _read(artefact, ".signature.json")


def read_metrics(artefact: Path) -> dict[str, Any]:
    """The metrics of the model's training or test, empty if there are none; BundleError if they are not JSON."""
    return _read(artefact, ".metrics.json") or {}


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file that a person wrote; BundleError for anything else."""
    try:
        return _object(path)
    except FileNotFoundError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from error


def _read(artefact: Path, suffix: str) -> dict[str, Any] | None:
    try:
        return _object(artefact.with_name(artefact.name + suffix))
    except FileNotFoundError:
        _refuse_misnamed(artefact, suffix)
        return None


def _object(path: Path) -> dict[str, Any]:
    try:
        # People write these files: the standard library names line and column, and a BOM is no mistake of theirs.
        text = path.read_text(encoding="utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BundleError(f"{path} must hold a JSON object.")
    return value


def _refuse_misnamed(artefact: Path, suffix: str) -> None:
    """A sidecar named after the model instead of the file would be ignored in silence."""
    misnamed = artefact.with_suffix(suffix)
    if artefact.suffix and misnamed.is_file():
        raise BundleError(f"{misnamed} belongs to no model file: rename it to {artefact.name}{suffix}.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if (twice := named_twice(name for name, _ in pairs)) is not None:
        raise ValueError(f"the key {twice!r} stands there twice")
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
