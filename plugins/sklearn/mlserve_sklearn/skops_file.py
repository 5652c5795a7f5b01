"""Reads a .skops file: a zip archive of a JSON tree of types and of NumPy arrays. No code of the file runs.

The archive is looked through before skops sees it: how much it would unpack to, whether each array has as many bytes
as it says, and which types it asks for.
"""

import json
import math
import warnings
import zipfile
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlserve.errors import BundleError
from mlserve_sklearn.alone import work_alone
from mlserve_sklearn.partials import PARTIAL, trusted_partials
from mlserve_sklearn.sound import require_sound, require_sound_answers
from mlserve_sklearn.trusted import ALLOWED, SETTING

# The whole model in memory, at most; a file of 50 MB that becomes 4 GB is no model but an attack.
MAX_UNPACKED: Final = 4 * 2**30
# How many times smaller than its content a part may be: zeros shrink a thousandfold, a model's arrays five times.
MAX_RATIO: Final = 200
_SMALL: Final = 2**20
MAX_SCHEMA: Final = 512 * 2**20
MAX_PARTS: Final = 1_000_000
MAX_VISITS: Final = 20_000_000
_SCHEMA: Final = "schema.json"
_TOLD: Final = 5
# The module of what a script defines itself: here it is that of the server.
_SCRIPT: Final = "__main__."


def read(path: Path, trusted: Collection[str] = ()) -> Any:
    """The model in a file whose types are all allowed, by us or by `trusted`. Raises BundleError with a sentence."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    allowed = sorted(ALLOWED | {name for name in trusted if not name.startswith(_SCRIPT)})
    try:
        allowed += sorted(_look_through(path))
        with warnings.catch_warnings():
            # The file's version of scikit-learn is told by `info`; what follows from it show the golden predictions.
            warnings.simplefilter("ignore")
            model = skops.io.load(path, trusted=allowed)
            require_sound(model)
            work_alone(model)
            require_sound_answers(model)
    except UntrustedTypesFoundException as error:
        raise BundleError(_untrusted(path, {*skops.io.get_untrusted_types(file=path)} - {*allowed})) from error
    except BundleError:
        raise
    except ModuleNotFoundError as error:
        raise BundleError(f"{path.name} needs the module {error.name}: install its package here.") from error
    except OSError as error:
        raise BundleError(f"{path.name} cannot be read: {error.strerror or error}.") from error
    except RecursionError as error:
        raise BundleError(f"{path.name} is nested too deep.") from error
    except MemoryError as error:
        raise BundleError(f"{path.name} asks for more memory than there is.") from error
    except Exception as error:  # skops and the __setstate__ of a hundred classes: each has its own way to fail.
        raise BundleError(f"{path.name} is not a sound .skops file: {_sentence(error)}") from error
    return model


def _look_through(path: Path) -> frozenset[str]:
    """The types that are harmless in this file only.

    Raises BundleError, and whatever a damaged archive makes zipfile and json raise.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start[:1] == b"\x80":
        raise BundleError(f"{path.name} is a pickle, which runs code when it is loaded, and no .skops file.")
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        names = {part.filename for part in parts}
        if len(parts) > MAX_PARTS or len(names) != len(parts):
            raise BundleError(f"{path.name} has too many parts, or two of one name.")
        if _SCHEMA not in names:
            raise BundleError(f"{path.name} is an archive without {_SCHEMA}, and so no .skops file.")
        if strange := next((name for name in names if "/" in name or "\\" in name or name.startswith(".")), None):
            raise BundleError(f"{path.name} holds {strange!r}, which skops writes nowhere.")
        if sum(part.file_size for part in parts) > MAX_UNPACKED or any(map(_is_bomb, parts)):
            raise BundleError(f"{path.name} would unpack to far more than it holds.")
        if archive.getinfo(_SCHEMA).file_size > MAX_SCHEMA:
            raise BundleError(f"The {_SCHEMA} of {path.name} is larger than {MAX_SCHEMA:,} bytes.")
        schema = json.loads(archive.read(_SCHEMA))
        if _visits(schema, {}) > MAX_VISITS:
            raise BundleError(f"The {_SCHEMA} of {path.name} refers to its own parts too often.")
        for part in parts:
            if part.filename.endswith(".npy"):
                _require_whole(path, archive, part)
    return trusted_partials(schema)


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    return part.file_size > _SMALL and part.file_size > MAX_RATIO * max(part.compress_size, 1)


def _visits(node: Any, known: dict[Any, int]) -> int:
    """How many nodes skops goes through to find the types: a node that is referred to counts each time."""
    if isinstance(node, list):
        return sum(_visits(item, known) for item in node)
    if not isinstance(node, dict):
        return 0
    identity = node.get("__id__") if "__loader__" in node else None
    if identity is not None and identity in known:
        return known[identity]
    if identity is not None:
        known[identity] = 1  # While it is gone through: a reference to what is around it goes no deeper.
    total = 1 + sum(_visits(item, known) for item in node.values())
    if identity is not None:
        known[identity] = total
    return total


def _require_whole(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """An array must have the bytes that its header says, before anybody makes room for it."""
    with archive.open(part) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise BundleError(f"{path.name} holds an array in a format of NumPy's that is not known.")
        shape, _, dtype = read_header[version](file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or size != part.file_size - file.tell():
            raise BundleError(f"{path.name} holds an array that is not as large as it says.")


def _untrusted(path: Path, types: set[str]) -> str:
    """Why the types are refused, and what helps: to trust what cannot be imported, or calls anything, does not."""
    names = sorted(types)
    if own := next((name for name in names if name.startswith(_SCRIPT)), None):
        return (
            f"{path.name} needs {own}, which only the script that trained it has: define it in an installed module, "
            "and save the model again."
        )
    if PARTIAL in types:
        return (
            f"{path.name} needs {PARTIAL}, which calls whatever the file says, so that it is no type to trust: put a "
            "function of an installed module in its place."
        )
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    missing = [name for name in names if not _is_installed(name)]
    install = f"install the package of {missing[0]} here, and " if missing else ""
    return (
        f"{path.name} needs types that are not trusted: {', '.join(names[:_TOLD])}{more}; {install}if you trust them, "
        f"list them in {SETTING}."
    )


def _is_installed(name: str) -> bool:
    """Whether there is such a package at all; nothing is imported."""
    try:
        return find_spec(name.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def _sentence(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return line.rstrip(".: ") + "."
