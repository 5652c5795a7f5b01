"""The file MLmodel of a model folder: YAML, read without what YAML can do beyond plain values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mlserve.errors import BundleError

NAME: Final = "MLmodel"
MAX_BYTES: Final = 4 * 2**20
MAX_DEPTH: Final = 50


def read(folder: Path) -> dict[str, Any]:
    """The file's keys and values. Raises BundleError."""
    import yaml

    path = folder / NAME
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(f"{path} is larger than {MAX_BYTES:,} bytes.")
        text = path.read_text(encoding="utf-8")
        _require_plain(path, text)
        value = yaml.safe_load(text)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        raise BundleError(f"{path} is not YAML: {line.rstrip('.: ')}.") from error
    if not isinstance(value, dict) or not isinstance(value.get("flavors"), Mapping):
        raise BundleError(f"{path} names no flavors, and so is no MLmodel of MLflow's.")
    return value


def _require_plain(path: Path, text: str) -> None:
    """A few lines of references stand for gigabytes, and each level of nesting makes all that follows slower."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise BundleError(f"{path} refers to its own parts, which MLflow writes nowhere.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BundleError(f"{path} is nested deeper than {MAX_DEPTH}.")


def inside(folder: Path, name: Any, what: str) -> Path:
    """The file of that name in the folder. Raises BundleError where it is none, or elsewhere."""
    if not isinstance(name, str) or not name:
        raise BundleError(f"The {NAME} of {folder} does not say which file is {what}.")
    try:
        path = (folder / name).resolve()
        found = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError):  # A name that no file system takes.
        found = False
    if not found:
        raise BundleError(f"{name[:100]!r}, {what} in the {NAME} of {folder}, is no file in that folder.")
    return path
