"""The plot of a model's answers over time: its points for the script, and what is said of them where no script runs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

import msgspec

from mlserve.dashboard.present import is_chance
from mlserve.predictions.store import Answer
from mlserve.signature import Signature

# So many instances are drawn, the newest.
MOST = 500
# Of a model with many outputs, the first are offered.
MOST_OUTPUTS = 12
# Numbers beyond these have no room on an axis that is drawn in floating point.
_LARGEST = 1e300
_SMALLEST = 1e-300
# Around equal numbers an axis has so much room, as a share of them.
PAD = 0.05


@dataclass(frozen=True)
class Summary:
    """One numeric output of the instances drawn: how many numbers there are, and where they lie."""

    name: str
    unit: str
    n: int
    minimum: float
    median: float
    maximum: float

    @property
    def span(self) -> tuple[float, float] | None:
        """From where to where its axis goes; None where that is best told by the numbers themselves."""
        if is_chance(self.name, self.unit) and self.minimum >= 0 and self.maximum <= 1:
            return 0, 1
        if self.minimum < self.maximum:
            return None
        pad = PAD * abs(self.minimum) if abs(self.minimum) > _SMALLEST else 1
        return self.minimum - pad, self.maximum + pad


@dataclass(frozen=True)
class Plot:
    """`data` is JSON for plot.js: `times` in seconds since 1970 UTC, the `versions` that answered, and for each of
    `outputs` its name, unit, the span of its axis (null where the script finds it) and values, null where there is
    none. `more`: there are older ones, which are not drawn.
    """

    data: str
    outputs: list[Summary]
    more: bool


@dataclass(frozen=True)
class _Instance:
    time: float
    version: int
    values: Mapping[str, Any]


def plot_of(answers: Iterable[Answer], signature: Signature | None) -> Plot | None:
    """The plot of answers that come newest first; None where no output has two numbers to show.

    No more are taken than are drawn. `signature` knows the units.
    """
    newest = list(islice(_instances(answers), MOST + 1))
    more = len(newest) > MOST
    drawn = newest[:MOST][::-1]
    units = {} if signature is None else {output.name: output.unit or "" for output in signature.outputs}
    found = {name: [_number(one.values.get(name)) for one in drawn] for name in _names(drawn)}
    summaries = [_summary(name, units.get(name, ""), values) for name, values in found.items()]
    shown = [summary for summary in summaries if summary is not None][:MOST_OUTPUTS]
    if not shown:
        return None
    data = {
        "times": [one.time for one in drawn],
        "versions": [one.version for one in drawn],
        "outputs": [{"name": one.name, "unit": one.unit, "span": one.span, "values": found[one.name]} for one in shown],
    }
    return Plot(msgspec.json.encode(data).decode(), shown, more)


def _instances(answers: Iterable[Answer]) -> Iterator[_Instance]:
    for answer in answers:
        time = answer.created_at.timestamp()
        for values in msgspec.json.decode(answer.outputs):
            yield _Instance(time, answer.version, values)


def _names(drawn: Iterable[_Instance]) -> dict[str, None]:
    """The outputs that are one number at least once, in the order of their first such answer."""
    return {name: None for one in drawn for name, value in one.values.items() if _number(value) is not None}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        return None
    return value


def _summary(name: str, unit: str, values: Iterable[float | None]) -> Summary | None:
    numbers = [value for value in values if value is not None]
    if len(numbers) < 2:
        return None
    return Summary(name, unit, len(numbers), min(numbers), median(numbers), max(numbers))
