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


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer that is not as it was; `instance` counts the golden rows from 0, and both values are plain JSON."""

    instance: int
    output: str
    expected: Any
    got: Any

    def __str__(self) -> str:
        return f"golden row {self.instance}: {self.output} is {_told(self.got)} instead of {_told(self.expected)}"


def replay(loaded: LoadedVersion, golden: Mapping[str, Any]) -> list[Difference]:
    """Where the version answers the `golden` part of a manifest in another way than it says.

    With the libraries and the engine that answered then, numbers are compared to the bit (but for the sign of a zero,
    which canonical JSON does not have); with others floats may differ by the tolerance, absolute or relative.
    Labels, texts and whole numbers are the same or not. Raises BundleError when an instance does not fit the
    signature, and what `predict` raises.
    """
    exactly = _libraries(golden["libraries"]) == loaded.lineage.library and golden["engine"] == loaded.lineage.engine
    return compare(
        loaded.signature,
        golden["outputs"],
        answers(loaded, read_instances(loaded.signature, golden["instances"])),
        tolerance=None if exactly else golden["tolerance"],
    )


def read_instances(signature: Signature, instances: Sequence[Mapping[str, Any]]) -> Batch:
    """The Batch of golden instances, checked as those of a caller are. Raises BundleError."""
    decoder = Decoder(signature, max_instances=len(instances), max_problems=_MOST_PROBLEMS)
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
    signature: Signature,
    expected: Sequence[Mapping[str, Any]],
    got: Sequence[Mapping[str, Any]],
    *,
    tolerance: float | None,
) -> list[Difference]:
    """Where two lists of answers differ: floats by more than the tolerance, or at all where it is None."""
    tolerances = {output.name: tolerance if output.type in FLOATS else None for output in signature.outputs}
    return [
        Difference(number, name, before[name], now[name])
        for number, (before, now) in enumerate(zip(expected, got, strict=True))
        for name, allowed in tolerances.items()
        if not _same(before[name], now[name], allowed)
    ]


def _same(expected: Any, got: Any, tolerance: float | None) -> bool:
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(
            _same(before, now, tolerance) for before, now in zip(expected, got, strict=True)
        )
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        return expected.keys() == got.keys() and all(_same(expected[key], got[key], tolerance) for key in expected)
    if _is_number(expected) and _is_number(got):
        if tolerance is None:
            return bool(expected == got)
        return math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)
    return type(expected) is type(got) and bool(expected == got)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _libraries(libraries: Mapping[str, str]) -> str:
    """As a version's lineage has them."""
    return ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))


def _told(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 100 else text[:99] + "…"
