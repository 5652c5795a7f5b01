"""A small model of the family, and what its class answers by itself."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Without it no class is allowed.
SETTINGS = {"mlserve.python.allow": "own_code.*"}


def contract_artefact(folder: Path) -> Path:
    return written(folder, "own_code.classes:Scaled", factor=1 / 3)


def library_answers(path: Path, instances: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The class's own answers, asked without mlserve."""
    from own_code.classes import Scaled

    columns = {name: np.array([row[name] for row in instances], np.float64) for name in ("x", "y")}
    return {"value": Scaled(**json.loads(path.read_bytes())["arguments"]).predict(columns)}


def written(folder: Path, named: str, **arguments: Any) -> Path:
    """An artefact without files."""
    path = folder / "own.python"
    path.write_text(json.dumps({"class": named, "arguments": arguments}))
    return path


def archived(folder: Path, named: str, files: Mapping[str, bytes], **arguments: Any) -> Path:
    """An artefact with files."""
    path = folder / "own.python"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("predictor.json", json.dumps({"class": named, "arguments": arguments}))
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def word_artefact(folder: Path) -> Path:
    return archived(folder, "own_code.classes:Words", {"lists/words.txt": b"red green"}, file="lists/words.txt")


def step_artefact(folder: Path) -> Path:
    path = written(folder, "own_code.classes:Steps")
    signature = {
        "inputs": [{"name": "a", "type": "float32"}, {"name": "b", "type": "float32"}],
        "outputs": [
            {"name": "label", "type": "category", "categories": ["below", "above"]},
            {"name": "sum", "type": "float32"},
        ],
    }
    path.with_name("own.python.signature.json").write_text(json.dumps(signature))
    return path
