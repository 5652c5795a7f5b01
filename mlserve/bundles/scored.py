"""Which scores a model's outputs can have, by the names and types of its signature, against a column of the sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlserve.bundles import metrics
from mlserve.bundles.completed import LABEL
from mlserve.bundles.sample import Sample
from mlserve.errors import BundleError
from mlserve.signature import OutputField, Signature
from mlserve.signature.fields import FLOATS

PROBABILITY = "probability"
# Numbers that grow with the second class, but are no probability of it; alone they rank.
_RANKING = ("margin", "score", "risk")


def scores_of(
    signature: Signature, outputs: Mapping[str, NDArray[Any]], sample: Sample, target: str
) -> dict[str, float]:
    """The scores of answers (n, …) against the sample's column `target`, with the number of `rows` that have one.

    A model that answers `probability` or `label` is a classifier; another one with a number is a regressor. Raises
    BundleError where the column is not there, or does not hold what the model answers.
    """
    if target not in sample.columns:
        raise BundleError(f"The data has no column {target!r} to compare the answers with.")
    cells = [None if isinstance(cell, str) and not cell.strip() else cell for cell in sample.columns[target].cells]
    known = np.fromiter((cell is not None for cell in cells), np.bool_, len(cells))
    if not known.any():
        raise BundleError(f"The column {target!r} of the data is empty: there is nothing to compare the answers with.")
    happened = [cell for cell in cells if cell is not None]
    answered = {name: np.asarray(array)[known] for name, array in outputs.items()}
    by_name = {output.name: output for output in signature.outputs if not output.varies}
    probability, label = by_name.get(PROBABILITY), by_name.get(LABEL)
    ranking = next((by_name[name] for name in _RANKING if name in by_name and not by_name[name].shape), None)
    if probability is not None or label is not None or ranking is not None:
        found = _of_classifier(target, happened, answered, probability, label, ranking)
    else:
        found = _of_regressor(target, happened, answered, signature.outputs)
    return {"rows": len(happened), **found}


def _of_classifier(
    target: str,
    happened: Sequence[Any],
    answered: Mapping[str, NDArray[Any]],
    probability: OutputField | None,
    label: OutputField | None,
    ranking: OutputField | None,
) -> dict[str, float]:
    names = next((field.categories for field in (label, probability) if field is not None and field.categories), ())
    count = len(names) or (probability.shape[0] if probability is not None and probability.shape else 2)
    if label is not None and not names:
        count = max(count, int(answered[LABEL].max()) + 1)
    classes = _classes(target, happened, names, count)
    probabilities = None if probability is None else _probabilities(answered[PROBABILITY])
    labels = None
    if label is not None and not label.shape:
        array = answered[LABEL]
        labels = array.astype(np.intp) if array.dtype.kind in "iub" else _classes(target, array.tolist(), names, count)
    scores = answered[ranking.name].astype(np.float64) if ranking is not None and count == 2 else None
    return metrics.classification(classes, probabilities, labels, scores, count)


def _of_regressor(
    target: str, happened: Sequence[Any], answered: Mapping[str, NDArray[Any]], outputs: Sequence[OutputField]
) -> dict[str, float]:
    output = next((output for output in outputs if not output.shape and output.type in FLOATS), None)
    if output is None:
        raise BundleError(f"The model has no output that the column {target!r} can be compared with.")
    numbers = [_number(cell) for cell in happened]
    if wrong := [cell for cell, number in zip(happened, numbers, strict=True) if number is None]:
        raise BundleError(f"The column {target!r} holds {wrong[0]!r}, and the model answers a number.")
    return metrics.regression(np.array(numbers, np.float64), answered[output.name].astype(np.float64))


def _probabilities(array: NDArray[Any]) -> NDArray[np.float64]:
    """(n, k), of a probability of the second class too."""
    found = array.astype(np.float64)
    return np.column_stack([1 - found, found]) if found.ndim == 1 else found


def _classes(target: str, cells: Sequence[Any], names: Sequence[str], count: int) -> NDArray[np.intp]:
    """Each cell's class, counted from 0: by its name, else by its number."""
    by_name = {name: number for number, name in enumerate(names)}
    found = []
    for cell in cells:
        number: float | None = by_name.get(str(cell))
        number = _number(cell) if number is None else number
        if number is None or number != int(number) or not 0 <= number < count:
            known = ", ".join(names) if names else f"0 to {count - 1}"
            raise BundleError(f"The column {target!r} holds {cell!r}, which is none of the model's classes: {known}.")
        found.append(int(number))
    return np.array(found, np.intp)


def _number(cell: Any) -> float | None:
    """The number of a cell, of a CSV's text too; None where it is none."""
    if isinstance(cell, str) and cell.strip().lower() in ("true", "false"):
        return float(cell.strip().lower() == "true")
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
