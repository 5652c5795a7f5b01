"""Saving a live model, and asking the library itself for its answers."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlserve.signature import Batch, Signature
from mlserve_sklearn.inputs import categories_by_type, names_of
from mlserve_sklearn.outputs import Outputs

# Libraries whose estimators have a family of their own, or a file format that says more.
_OTHERS: Final = frozenset({"xgboost", "lightgbm", "catboost"})
_DAY: Final = (1980, 1, 1, 0, 0, 0)


def save(model: object, folder: Path) -> Path | None:
    """A fitted estimator or pipeline as `model.skops`, the same bytes each time; None for anything else."""
    import sys

    if "sklearn" not in sys.modules:  # Nobody has one of its models without it.
        return None
    from sklearn.base import BaseEstimator

    if not isinstance(model, BaseEstimator) or type(model).__module__.partition(".")[0] in _OTHERS:
        return None
    import skops.io

    path = folder / "model.skops"
    path.write_bytes(_numbered(skops.io.dumps(getattr(model, "best_estimator_", model))))
    return path


def reference(model: Any, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
    """What the estimator's own methods answer to a data frame, or to an array, of plain Python values."""
    import pandas

    names = names_of(model)
    values = {name: batch.values(name) for name in batch.signature.names}
    given: Any
    if names is not None:
        given = pandas.DataFrame({name: values[name] for name in names if name in values})
        for name, categories in categories_by_type(model, names, batch.signature.inputs).items():
            given[name] = pandas.Categorical(values[name], categories=categories)
    elif getattr(model, "n_features_in_", None) is None and len(values) == 1:
        (given,) = values.values()
    elif len(values) == 1 and batch.signature.inputs[0].shape:
        given = np.array(*values.values())
    else:
        rows = zip(*values.values(), strict=True)
        given = np.array([[np.nan if value is None else value for value in row] for row in rows])
    return Outputs(model, signature)(given)


def _numbered(content: bytes) -> bytes:
    """The archive with parts numbered in their order, instead of by their places in memory and at random."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        numbers: dict[int, int] = {}
        files: dict[str, str] = {}
        _number(schema, numbers, files)
        parts = {new: archive.read(old) for old, new in files.items()}
    parts["schema.json"] = json.dumps(schema, separators=(",", ":")).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, _DAY), data, zipfile.ZIP_DEFLATED, 6)
    return target.getvalue()


def _number(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    if isinstance(node, list):
        for item in node:
            _number(item, numbers, files)
    elif isinstance(node, dict):
        if "__loader__" in node:
            if "__id__" in node:
                node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
            if isinstance(node.get("file"), str):
                suffix = Path(node["file"]).suffix
                node["file"] = files.setdefault(node["file"], f"{len(files)}{suffix}")
        for item in node.values():
            _number(item, numbers, files)
