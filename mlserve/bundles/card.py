"""The model card: what people should know before they use a model, as a table of texts."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlserve.bundles.parts import CARD_KEY
from mlserve.bundles.sidecar import read_json
from mlserve.errors import BundleError
from mlserve.names import MODEL_NAME


def card_of(name: str, metadata: Mapping[str, Any]) -> dict[str, str]:
    """The `card` of a manifest. Keys may be written with hyphens; values become texts. Raises BundleError."""
    if not MODEL_NAME.fullmatch(name):
        raise BundleError(
            f"{name!r} is no name of a model: write at most 63 characters a-z, 0-9 and -, the first one a letter."
        )
    card = {"name": name}
    for given, value in metadata.items():
        key = str(given).replace("-", "_")
        if not CARD_KEY.fullmatch(key) or key == "name":
            raise BundleError(f"{given!r} is no key of a model card: write a word of a-z, 0-9 and _, but not name.")
        if isinstance(value, Mapping | list):
            raise BundleError(f"{given!r} of the model card must be one text.")
        if value is not None:
            card[key] = value if isinstance(value, str) else json.dumps(value, default=str).strip('"')
    return card


def read_card(path: Path) -> dict[str, Any]:
    """The keys of a card in a .toml or .json file. Raises BundleError."""
    if path.suffix.lower() != ".toml":
        return read_json(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not TOML: {error}.") from error
