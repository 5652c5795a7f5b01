"""NAME.python: JSON that names a class, or a ZIP archive of that JSON (predictor.json) and of files for the class."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from mlserve.errors import BundleError
from mlserve.signature import Signature
from mlserve_python.allowed import CLASS

RECIPE: Final = "predictor.json"
_LARGEST: Final = 16 * 2**20
_ZIP: Final = b"PK\x03\x04"


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    named: str = msgspec.field(name="class")
    arguments: dict[str, Any] = {}
    signature: dict[str, Any] | None = None


@dataclass(frozen=True)
class Recipe:
    """What an artefact says: its class as `package.module:Class`, the class's arguments, and perhaps the signature."""

    named: str
    arguments: Mapping[str, Any]
    signature: Signature | None
    has_files: bool


def read(path: Path) -> Recipe:
    """Read an artefact; nothing is imported and nothing unpacked. Raises BundleError, SignatureError."""
    try:
        with path.open("rb") as file:
            has_files = file.read(len(_ZIP)) == _ZIP
        if has_files:
            with zipfile.ZipFile(path) as archive, archive.open(RECIPE) as member:
                text = member.read(_LARGEST + 1)
        else:
            with path.open("rb") as file:
                text = file.read(_LARGEST + 1)
    except KeyError as error:
        raise BundleError(f"{path.name} is an archive without a {RECIPE}.") from error
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise BundleError(f"{path.name} cannot be read: {_sentence(error)}.") from error
    except Exception as error:  # zlib's own, of a damaged member
        raise BundleError(f"{path.name} cannot be read: {_sentence(error)}.") from error
    if len(text) > _LARGEST:
        raise BundleError(f"{path.name} has more than {_LARGEST} bytes of JSON.")
    return _recipe(path.name, text, has_files)


def _recipe(name: str, text: bytes, has_files: bool) -> Recipe:
    try:
        found = msgspec.json.decode(text, type=_Json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        wanted = '{"class": "package.module:Class", "arguments": {}}'
        raise BundleError(f"{name} names no class as {wanted} does: {_sentence(error)}.") from error
    if not CLASS.fullmatch(found.named):
        raise BundleError(f"{name} names the class {found.named[:100]!r}: write package.module:Class.")
    signature = None if found.signature is None else Signature.from_json(found.signature)
    return Recipe(found.named, found.arguments, signature, has_files)


def _sentence(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split()).rstrip(".")


def write(path: Path, named: str, arguments: Mapping[str, Any], folder: Path) -> None:
    """Write an artefact of a class, its arguments and the files of `folder`: the same bytes each time."""
    text = msgspec.json.encode({"class": named, "arguments": dict(arguments)}, order="sorted")
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        path.write_bytes(text)
        return
    with zipfile.ZipFile(path, "w") as archive:
        _store(archive, RECIPE, text)
        for file in files:
            _store(archive, file.relative_to(folder).as_posix(), file.read_bytes())


def _store(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # Of a fixed time: an archive of the same files has the same digest.
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
