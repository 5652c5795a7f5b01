"""The input example of a model folder, as columns of rows."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mlserve.errors import BundleError
from mlserve.signature import Signature
from mlserve_mlflow.mlmodel import inside

MAX_BYTES: Final = 64 * 2**20


def example_of(folder: Path, said: Mapping[str, Any], signature: Signature | None) -> dict[str, list[Any]] | None:
    """The columns of `saved_input_example_info`'s file; None where there is no example of rows. Raises BundleError."""
    info = said.get("saved_input_example_info")
    if not isinstance(info, Mapping) or info.get("type") not in ("dataframe", "ndarray"):
        return None
    path = inside(folder, info.get("artifact_path"), "the input example")
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(f"The input example {path} is larger than {MAX_BYTES:,} bytes.")
    try:
        value = json.loads(path.read_bytes())
        return _columns(value, signature)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"The input example {path} is none of MLflow's: {error!r}.") from error


def _columns(value: Any, signature: Signature | None) -> dict[str, list[Any]] | None:
    if isinstance(value, dict) and "columns" in value:
        rows = [list(map(_plain, row)) for row in value["data"]]
        return {str(name): [row[at] for row in rows] for at, name in enumerate(value["columns"])}
    if isinstance(value, dict):
        value = value.get("inputs", value)
    if isinstance(value, dict):  # Tensors by name.
        return {str(name): list(rows) for name, rows in value.items()}
    rows = list(value)
    named = signature is not None and len(signature.inputs) == 1 and signature.inputs[0].shape
    if named or not rows or not isinstance(rows[0], list):
        assert signature is None or signature.inputs
        return {"input" if signature is None else signature.names[0]: rows}
    return {f"f{at}": [_plain(row[at]) for row in rows] for at in range(len(rows[0]))}


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and math.isnan(cell) else cell
