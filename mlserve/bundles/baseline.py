"""The baseline: a short profile of each input and output, to be compared with later traffic."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Batch, Field, OutputField
from mlserve.signature.fields import BINARY, INTEGERS, TEXTS
from mlserve.signature.outputs import values_of
from mlserve.signature.packing import EXACT_IN_DOUBLE

BINS: Final = 20
_MOST_ELEMENTS: Final = 50
_DIGITS: Final = 9


def baseline_of(batch: Batch, outputs: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The `baseline` of a manifest: what is in a sample and in the model's answers to it.

    Of a field that the log does not keep in full, only its counts: a bundle tells no more of people than the log.
    """
    signature = batch.signature
    return {
        "rows": batch.n,
        "inputs": {field.name: _of_input(batch, field) for field in signature.inputs},
        "outputs": {output.name: _of_output(outputs[output.name], output) for output in signature.outputs},
    }


def _of_input(batch: Batch, field: Field) -> dict[str, Any]:
    array, missing = batch.column(field.name)
    counts = {"count": int(batch.n - missing.sum()), "missing": int(missing.sum())}
    if field.keep != "full" or field.type == "string":
        return counts
    if field.type == "image":
        return counts | ({} if field.shape else _of_pictures(array[~missing]))
    present = _flat(array[~missing], field)
    if field.type in ("text", "bytes"):
        return counts | _of_lengths(present)
    if field.type == "category":
        return counts | _of_texts(present.tolist(), field.categories)
    if field.type == "bool":
        return counts | _of_texts(["true" if value else "false" for value in present.tolist()], ("false", "true"))
    return counts | _of_numbers(present, whole=field.type in INTEGERS)


def _of_output(answered: Any, output: OutputField) -> dict[str, Any]:
    array = values_of(output, answered)
    if output.type in TEXTS | BINARY:
        counts = {"count": array.size, "missing": 0}
        if not output.categories:
            return counts | (_of_lengths(array) if output.type in ("text", "bytes") else {})
        values = [output.categories[value] if isinstance(value, int) else value for value in array.tolist()]
        return counts | _of_texts(values, output.categories)
    if len(output.shape) == 1 and 0 < output.shape[0] <= _MOST_ELEMENTS:
        names = output.categories or [str(number) for number in range(output.shape[0])]
        columns = array.reshape(-1, output.shape[0])
        elements = {name: _of_answers(columns[:, number], output) for number, name in enumerate(names)}
        return {"count": len(columns), "missing": 0, "elements": elements}
    return _of_answers(array, output)


def _flat(array: NDArray[Any], field: Field) -> NDArray[Any]:
    """All values of the instances that have one."""
    if not field.varies:
        return array.ravel()
    return np.concatenate([row.ravel() for row in array]) if len(array) else array


def _of_lengths(values: NDArray[Any]) -> dict[str, Any]:
    """How long texts are, in characters, or bytes; what is in them stays untold."""
    return {"elements": {"length": _of_whole_numbers([len(value) for value in values])}}


def _of_pictures(arrays: NDArray[Any]) -> dict[str, Any]:
    """How large pictures are that keep their own size, in pixels."""
    sizes = {"height": [len(array) for array in arrays], "width": [array.shape[1] for array in arrays]}
    return {"elements": {name: _of_whole_numbers(found) for name, found in sizes.items()}}


def _of_whole_numbers(numbers: Sequence[int]) -> dict[str, Any]:
    return {"count": len(numbers), "missing": 0, **_of_numbers(np.array(numbers, np.int64), whole=True)}


def _of_answers(array: NDArray[Any], output: OutputField) -> dict[str, Any]:
    """Answers that are no numbers count as missing: JSON has none for them."""
    finite = np.isfinite(array.astype(np.float64))
    counts = {"count": int(finite.sum()), "missing": int((~finite).sum())}
    return counts | _of_numbers(array[finite], whole=output.type in INTEGERS)


def _of_texts(values: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    """How often each known text came; the others in one number, since nobody has said that they may be told."""
    found = Counter(values)
    counted = {name: found[name] for name in known}
    return {"values": counted, "others": len(values) - sum(counted.values())}


def _of_numbers(values: NDArray[Any], *, whole: bool) -> dict[str, Any]:
    if not values.size:
        return {}
    numbers = values.astype(np.float64)
    edges = _edges(numbers, whole=whole)
    counts, _ = np.histogram(numbers, edges)
    return {
        "minimum": _plain(numbers.min(), whole=whole),
        "maximum": _plain(numbers.max(), whole=whole),
        "mean": float(f"{math.fsum((numbers / len(numbers)).tolist()):.{_DIGITS}g}"),
        "histogram": {"edges": [_plain(edge, whole=whole) for edge in edges], "counts": counts.tolist()},
    }


def _edges(numbers: NDArray[np.float64], *, whole: bool) -> NDArray[np.float64]:
    """The edges of at most BINS bins, each of about as many values, at values that are there.

    Every bin holds its lower edge, the last one its upper edge too. Whole numbers end one above the highest, so that
    each of a few has a bin of its own. Source: quantiles as the inverse of the empirical distribution (Hyndman & Fan
    1996, type 1).
    """
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, BINS + 1), method="inverted_cdf"))
    if whole:
        distinct = np.unique(numbers)
        return np.append(distinct if len(distinct) <= BINS else edges, distinct[-1] + 1)
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def _plain(value: np.float64, *, whole: bool) -> float:
    return int(value) if whole and abs(value) < EXACT_IN_DOUBLE else float(value)
