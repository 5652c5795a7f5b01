"""How long single rows take: read from JSON, predicted, written as JSON, without the way to a server and back."""

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from mlserve.checks.check import Check, decided
from mlserve.inference.loaded import LoadedVersion

WARM_UP: Final = 50
FEWEST: Final = 200
_MOST: Final = 1_000
# After the fewest, a slow model is asked no longer than this.
_PATIENCE: Final = 5.0


def durations(loaded: LoadedVersion, bodies: Sequence[bytes]) -> np.ndarray:
    """Seconds of each of FEWEST predictions or more, after WARM_UP others; `bodies` are JSON arrays of one instance.

    Raises what `predict` raises.
    """
    for number in range(WARM_UP):
        _answer(loaded, bodies[number % len(bodies)])
    found: list[float] = []
    end = time.perf_counter() + _PATIENCE
    while len(found) < FEWEST or (len(found) < _MOST and time.perf_counter() < end):
        begun = time.perf_counter()
        _answer(loaded, bodies[len(found) % len(bodies)])
        found.append(time.perf_counter() - begun)
    return np.array(found)


def check_latency(loaded: LoadedVersion, bodies: Sequence[bytes], most: float | None) -> Check:
    """Whether 99 of 100 single rows take no longer than `most` seconds; without `most` it is only told."""
    found = durations(loaded, bodies)
    # A duration that was measured, not one between two: of 200, the second longest.
    p50, p99 = np.quantile(found, [0.5, 0.99], method="higher")
    sentence = f"A single row takes {p50 * 1000:.3g} ms (p50) and {p99 * 1000:.3g} ms (p99) of {len(found)} predictions"
    sentence += "." if most is None else f", the p99 at most {most * 1000:g} ms."
    return decided("latency", most is None or p99 <= most, sentence)


def _answer(loaded: LoadedVersion, body: bytes) -> None:
    batch = loaded.decoder.decode(body, None)
    loaded.output_encoder.encode(loaded.predict(batch), batch.n)
