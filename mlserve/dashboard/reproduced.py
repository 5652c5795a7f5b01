"""The reproduction of a kept prediction, ready to be shown."""

from dataclasses import dataclass
from typing import NamedTuple

from mlserve.dashboard import present
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.reproduction import OutputDifference, Reproduction, sentence

# So many differences are shown; more are in the JSON.
SHOWN = 20


class Row(NamedTuple):
    """One difference; the values are texts."""

    output: str
    instance: int
    stored: str
    now: str


class Change(NamedTuple):
    """What answers are computed with: then and now, which may be the same."""

    name: str
    then: str
    now: str


@dataclass(frozen=True)
class Reproduced:
    """`said` is the verdict, or why there is none, in a sentence. There are `more` rows than are shown."""

    said: str
    rows: tuple[Row, ...] = ()
    more: bool = False
    changes: tuple[Change, ...] = ()


def reproduced(record: PredictionRecord, reproduction: Reproduction) -> Reproduced:
    """What a page tells of a reproduction."""
    found, then, now = reproduction.differences, reproduction.then, reproduction.now
    names = ("engine", "plugin", "library")
    return Reproduced(
        said=sentence(record, reproduction),
        rows=tuple(_row(one) for one in found[:SHOWN]),
        more=len(found) > SHOWN or reproduction.more,
        changes=() if now is None else tuple(Change(name, getattr(then, name), getattr(now, name)) for name in names),
    )


def _row(one: OutputDifference) -> Row:
    return Row(one.output, one.instance, present.exact(one.stored), present.exact(one.now))
