"""The manifest: what a bundle is made of, and the digest that names it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Final

from mlserve.bundles.canonical import canonical_json, from_canonical
from mlserve.bundles.parts import check_baseline, check_card, check_golden, require
from mlserve.errors import BundleError, SignatureError
from mlserve.names import DIGEST
from mlserve.signature import Signature

# 1: a model file with its sidecars, as an INI declares them. 2: what `package` makes, with what a model is tested by.
PLAIN: Final = 1
PACKAGED: Final = 2
_CONTENT: Final[dict[int, set[str]]] = {
    PLAIN: {"format", "family", "files", "signature", "baseline", "golden", "metrics"},
    PACKAGED: {"format", "family", "engine", "files", "signature", "baseline", "golden", "metrics", "card"},
}
FAMILY_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
MOST_FILES: Final = 1000
# No separators but "/", no dots alone, nothing hidden, no space: the same name on every file system.
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,7}")


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle: its path in the bundle, the SHA-256 of its bytes in hex, and their number."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds (`content`, which its digest is taken over) and where it came from (`provenance`).

    Always whole and well-formed: BundleError or SignatureError at construction otherwise. Both parts are plain JSON.
    """

    content: Mapping[str, Any]
    provenance: Mapping[str, Any]
    text: bytes = field(init=False, repr=False, compare=False)  # the canonical JSON of both

    def __post_init__(self) -> None:
        # A copy by way of the canonical text: what is read back later is equal to what is here now.
        text = canonical_json({"content": self.content, "provenance": self.provenance})
        self._become(from_canonical(text), text)

    @classmethod
    def from_text(cls, text: bytes) -> "Manifest":
        """The manifest whose `text` it is; BundleError for any other text, also where its signature is none."""
        whole = from_canonical(text)
        require(isinstance(whole, Mapping) and set(whole) == {"content", "provenance"}, "keys content and provenance")
        manifest = cls.__new__(cls)  # Made from values, it would prove once more that they are canonical.
        try:
            manifest._become(whole, text)
        except SignatureError as error:
            raise BundleError(f"This is not the manifest of a bundle: {error}") from error
        return manifest

    def _become(self, whole: Mapping[str, Any], text: bytes) -> None:
        object.__setattr__(self, "content", whole["content"])
        object.__setattr__(self, "provenance", whole["provenance"])
        object.__setattr__(self, "text", text)
        _check(self.content, self.provenance)
        require(len(_model_files(self.files)) == 1, "files: one model file, called model and its suffix")
        signature = self.signature  # Raises where it is none.
        if self.content["format"] == PACKAGED:
            check_card(self.content["card"])
            if self.golden is not None:
                check_golden(self.golden, signature)
            if self.baseline is not None:
                check_baseline(self.baseline, signature)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content's canonical JSON, in lower-case hex: the bundle's name."""
        # Cut out of the whole, whose keys are in order: a large content takes long to write.
        rest = b',"provenance":' + canonical_json(self.provenance) + b"}"
        return hashlib.sha256(self.text[len(b'{"content":') : -len(rest)]).hexdigest()

    @property
    def family(self) -> str:
        return str(self.content["family"])

    @property
    def metrics(self) -> dict[str, Any]:
        return dict(self.content["metrics"])

    @property
    def engine(self) -> str | None:
        """The engine that the bundle was packed for; None where it does not say."""
        engine: str | None = self.content.get("engine")
        return engine

    @property
    def golden(self) -> Mapping[str, Any] | None:
        """The golden predictions, which `mlserve.inference.golden.replay` asks again; None where there are none."""
        return self.content["golden"] or None

    @property
    def baseline(self) -> Mapping[str, Any] | None:
        """The profile of the inputs and outputs that the model was packed with; None where there is none."""
        baseline: Mapping[str, Any] | None = self.content["baseline"]
        return baseline

    @property
    def card(self) -> Mapping[str, str]:
        """What people should know of the model, its `name` among it; empty in format 1."""
        card: Mapping[str, str] = self.content.get("card", {})
        return card

    @property
    def name(self) -> str | None:
        """The model's name as its packager gave it; None in format 1, where the INI says it."""
        return self.card.get("name")

    @cached_property
    def signature(self) -> Signature:
        return Signature.from_json(self.content["signature"])

    @cached_property
    def files(self) -> tuple[BundleFile, ...]:
        return tuple(BundleFile(**file) for file in self.content["files"])

    @property
    def artefact(self) -> str:
        """The path of the model file in the bundle: at the top, called `model` and its suffix."""
        return _model_files(self.files)[0]

    def to_json(self) -> dict[str, Any]:
        return {"content": dict(self.content), "provenance": dict(self.provenance)}


def _model_files(files: Sequence[BundleFile]) -> list[str]:
    return [file.path for file in files if "/" not in file.path and PurePosixPath(file.path).stem == "model"]


def content_of(
    family: str, files: Sequence[BundleFile], signature: Signature, metrics: Mapping[str, Any]
) -> dict[str, Any]:
    """The `content` of a new manifest of format 1, with its files in the order that every manifest has."""
    ordered = sorted(files, key=lambda file: file.path)
    return {
        "format": PLAIN,
        "family": family,
        "files": [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in ordered],
        "signature": signature.to_json(),
        "baseline": None,
        "golden": [],
        "metrics": dict(metrics),
    }


def _check(content: Any, provenance: Any) -> None:
    require(isinstance(provenance, Mapping), "provenance: an object")
    require(isinstance(content, Mapping), "content: an object")
    version = content.get("format")
    if type(version) is not int or version not in _CONTENT:
        known = f"formats {PLAIN} and {PACKAGED}"
        raise BundleError(f"The manifest has format {version!r}, and this mlserve reads {known}.")
    require(set(content) == _CONTENT[version], f"content: the keys {', '.join(sorted(_CONTENT[version]))}")
    family = content["family"]
    require(isinstance(family, str) and FAMILY_NAME.fullmatch(family) is not None, "family: a name such as xgboost")
    if version == PLAIN:
        require(content["baseline"] is None, "baseline: null")
        require(content["golden"] == [], "golden: an empty list")
    else:
        engine = content["engine"]
        require(engine is None or (isinstance(engine, str) and engine != ""), "engine: null or a word")
        require(content["golden"] not in ({}, []), "golden: null or an object that is not empty")
    require(isinstance(content["metrics"], Mapping), "metrics: an object")
    require(isinstance(content["signature"], Mapping), "signature: an object")
    _check_files(content["files"])


def _check_files(files: Any) -> None:
    require(isinstance(files, list) and 0 < len(files) <= MOST_FILES, f"files: 1 to {MOST_FILES} of them")
    for file in files:
        require(
            isinstance(file, Mapping) and set(file) == {"path", "sha256", "size"},
            "files: path, sha256 and size of each",
        )
        path, sha256, size = file["path"], file["sha256"], file["size"]
        require(isinstance(path, str) and _PATH.fullmatch(path) is not None, f"files: no such path as {path!r}")
        require(isinstance(sha256, str) and DIGEST.fullmatch(sha256) is not None, f"files: the SHA-256 of {path}")
        require(type(size) is int and size >= 0, f"files: the size of {path}")
    paths = [file["path"] for file in files]
    require(paths == sorted(paths), "files: sorted by path")
    # Names that differ by case only are one file on some file systems; a file cannot be another's folder either.
    lower = {path.lower() for path in paths}
    folders = {str(parent) for path in lower for parent in PurePosixPath(path).parents}
    require(len(lower) == len(paths) and not lower & folders, "files: each path once")
