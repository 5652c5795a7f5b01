"""Golden predictions: what a model answered when it was packed, asked again of the version that is loaded now."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlserve.errors import BundleError, Invalid
from mlserve.inference.loaded import LoadedVersion
from mlserve.signature import Batch, Decoder
from mlserve.signature.fields import FLOATS, Signature

_MOST_PROBLEMS = 3
# Of all pictures together. They come with a bundle, from anybody who may register one; those of an honest one, which
# are four million bytes at most, have about half as many.
_MOST_PIXELS = 100_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer that is not as it was; `instance` counts the golden rows from 0, and both values are plain JSON."""

    instance: int
    output: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"golden row {self.instance}: {self.output} is {_told(self.got)} instead of {_told(self.expected)}"


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of asking golden rows again.

    `differences` speak against the version. `deviation` is how far a float is off where that is within the tolerance,
    at most: 0.0 where every row is answered as it was, to the bit but for the sign of a zero, which canonical JSON does
    not have. It is measured as the tolerance is: the smaller one of the absolute and the relative difference.
    """

    differences: tuple[Difference, ...]
    deviation: float


def replay(loaded: LoadedVersion, golden: Mapping[str, Any]) -> Replay:
    """Ask the rows of the `golden` part of a manifest again.

    Floats may be off by its tolerance. That the same libraries answer to the bit is usual and no rule: on another
    processor or with another C library, the same version of a library may round otherwise. Labels, texts and whole
    numbers are the same or not. Raises BundleError when an instance does not fit the signature, and what `predict`
    raises.
    """
    expected = golden["outputs"]
    answered = answers(loaded, read_instances(loaded.signature, golden["instances"]))
    return compare(loaded.signature, expected, answered, tolerance=golden["tolerance"])


def read_instances(signature: Signature, instances: Sequence[Mapping[str, Any]]) -> Batch:
    """The Batch of golden instances, checked as those of a caller are. Raises BundleError."""
    decoder = Decoder(signature, max_instances=len(instances), max_problems=_MOST_PROBLEMS, max_pixels=_MOST_PIXELS)
    try:
        return decoder.decode(msgspec.json.encode(instances), None)
    except Invalid as error:
        first = error.problems[0]
        raise BundleError(
            f"The golden instances do not fit the signature: at {first.pointer} is {first.got} instead of "
            f"{first.expected}."
        ) from error


def answers(loaded: LoadedVersion, batch: Batch) -> list[dict[str, Any]]:
    """The version's answer to each instance, as the log would keep it. Raises what `predict` raises."""
    return written(loaded, loaded.predict(batch), batch.n)


def written(loaded: LoadedVersion, outputs: Mapping[str, Any], n: int) -> list[dict[str, Any]]:
    """The JSON values of `n` instances' output arrays. Raises PredictionFailed where they are not the signature's."""
    text, _ = loaded.output_encoder.encode(outputs, n)
    rows: list[dict[str, Any]] = msgspec.json.decode(text)
    return rows


def compare(
    signature: Signature, expected: Sequence[Mapping[str, Any]], got: Sequence[Mapping[str, Any]], *, tolerance: float
) -> Replay:
    """Two lists of answers side by side: only floats may be off, and only by the tolerance."""
    tolerances = {output.name: tolerance if output.type in FLOATS else 0.0 for output in signature.outputs}
    differences, greatest = [], 0.0
    for number, (before, now) in enumerate(zip(expected, got, strict=True)):
        for name, allowed in tolerances.items():
            off = _off(before[name], now[name])
            if off > allowed:
                differences.append(Difference(number, name, before[name], now[name]))
            else:
                greatest = max(greatest, off)
    return Replay(tuple(differences), greatest)


def _off(expected: Any, got: Any) -> float:
    """How far an answer is off, at most: infinitely where it is no number, or has another shape."""
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return max(map(_off, expected, got), default=0.0)
    if isinstance(expected, Mapping) and isinstance(got, Mapping) and expected.keys() == got.keys():
        return max((_off(expected[key], got[key]) for key in expected), default=0.0)
    if _is_number(expected) and _is_number(got):
        return _apart(expected, got)
    return 0.0 if type(expected) is type(got) and expected == got else math.inf


def _apart(one: float, other: float) -> float:
    if one == other:
        return 0.0
    difference = abs(one - other)
    return min(difference, difference / max(abs(one), abs(other)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _told(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 100 else text[:99] + "…"
