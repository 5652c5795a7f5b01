"""What the parts of a packed manifest must be: golden predictions, baseline, card (docs/reference/bundle-format.md).

A manifest may come from anybody. What these checks let pass can be read without looking again.
"""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from mlserve.errors import BundleError
from mlserve.names import MODEL_NAME
from mlserve.signature import Signature

MOST_GOLDEN: Final = 100
CARD_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DATE: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_MOST_ENTRIES: Final = 100
_MOST_TEXT: Final = 20_000
_GOLDEN: Final = {"tolerance", "libraries", "engine", "instances", "outputs"}
_BASELINE: Final = {"rows", "inputs", "outputs"}
_SUMMARY: Final = {"count", "missing", "minimum", "maximum", "mean", "histogram", "values", "others", "elements"}


def require(right: bool, what: str) -> None:
    """Raise BundleError where something is not right; `what` says what it must be."""
    if not right:
        raise BundleError(f"This is not the manifest of a bundle; it must have {what}.")


def check_card(card: Any) -> None:
    """A model's name, and texts for people. Raises BundleError."""
    require(isinstance(card, Mapping) and len(card) <= _MOST_ENTRIES, f"card: an object of at most {_MOST_ENTRIES}")
    name = card.get("name")
    require(isinstance(name, str) and MODEL_NAME.fullmatch(name) is not None, "card: a name such as flight-delay")
    for key, text in card.items():
        require(CARD_KEY.fullmatch(key) is not None, f"card: a key of a-z, 0-9 and _ instead of {key[:80]!r}")
        require(isinstance(text, str) and len(text) <= _MOST_TEXT, f"card: a text of at most {_MOST_TEXT} for {key}")
    review_by = card.get("review_by")
    require(review_by is None or _DATE.fullmatch(review_by) is not None, "card: review_by as a date, 2027-01-31")


def check_golden(golden: Any, signature: Signature) -> None:
    """Instances and outputs by the names of the signature; their values are checked when they are replayed."""
    require(isinstance(golden, Mapping) and set(golden) == _GOLDEN, f"golden: the keys {', '.join(sorted(_GOLDEN))}")
    tolerance, engine = golden["tolerance"], golden["engine"]
    require(_is_number(tolerance) and 0 <= tolerance < 1, "golden: a tolerance from 0 to below 1")
    require(_is_texts(golden["libraries"]), "golden: libraries with their versions")
    require(engine is None or isinstance(engine, str), "golden: engine, null or a word")
    instances, outputs = golden["instances"], golden["outputs"]
    for name, rows, keys in (
        ("instances", instances, {*signature.names}),
        ("outputs", outputs, {output.name for output in signature.outputs}),
    ):
        require(isinstance(rows, list) and 0 < len(rows) <= MOST_GOLDEN, f"golden: 1 to {MOST_GOLDEN} {name}")
        fits = all(isinstance(row, Mapping) and set(row) == keys for row in rows)
        require(fits, f"golden: {name} with the signature's {name.replace('instances', 'inputs')}")
    require(len(instances) == len(outputs), "golden: as many outputs as instances")


def check_baseline(baseline: Any, signature: Signature) -> None:
    """A summary for each input and output, under its name."""
    keys = ", ".join(sorted(_BASELINE))
    require(isinstance(baseline, Mapping) and set(baseline) == _BASELINE, f"baseline: the keys {keys}")
    require(_is_count(baseline["rows"]), "baseline: rows, a whole number")
    outputs = {output.name for output in signature.outputs}
    for part, names in (("inputs", {*signature.names}), ("outputs", outputs)):
        summaries = baseline[part]
        require(isinstance(summaries, Mapping) and set(summaries) <= names, f"baseline: {part} of the signature")
        for name, summary in summaries.items():
            _check_summary(f"baseline: {part}: {name}", summary, nested=True)


def _check_summary(where: str, summary: Any, *, nested: bool) -> None:
    require(isinstance(summary, Mapping) and set(summary) <= _SUMMARY, f"{where}: an object of known keys")
    for key in ("count", "missing"):
        require(_is_count(summary.get(key)), f"{where}: {key}, a whole number")
    require(_is_count(summary.get("others", 0)), f"{where}: others, a whole number")
    for key in ("minimum", "maximum", "mean"):
        require(_is_number(summary.get(key, 0)), f"{where}: {key}, a number")
    if "values" in summary:
        values = summary["values"]
        require(isinstance(values, Mapping) and all(map(_is_count, values.values())), f"{where}: values with counts")
    if "histogram" in summary:
        _check_histogram(where, summary["histogram"])
    if "elements" in summary:
        elements = summary["elements"]
        require(nested and isinstance(elements, Mapping), f"{where}: elements, an object of summaries")
        for name, element in elements.items():
            _check_summary(f"{where}: {name}", element, nested=False)


def _check_histogram(where: str, histogram: Any) -> None:
    fits = isinstance(histogram, Mapping) and set(histogram) == {"edges", "counts"}
    require(fits and all(isinstance(part, list) for part in histogram.values()), f"{where}: edges and counts")
    edges, counts = histogram["edges"], histogram["counts"]
    require(all(map(_is_number, edges)) and all(low <= high for low, high in pairwise(edges)), f"{where}: rising edges")
    require(all(map(_is_count, counts)), f"{where}: counts, whole numbers")
    require(len(counts) > 0 and len(edges) == len(counts) + 1, f"{where}: one edge more than counts")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())
