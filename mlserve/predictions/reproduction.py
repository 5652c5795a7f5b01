"""What comes of asking a kept prediction again, told without knowing where it was kept or who has answered. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import msgspec

from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.reproduced_explanation import MOST, ReproducedExplanation

Verdict = Literal["bit_equal", "differs", "unknown"]
Warnings = Sequence[Mapping[str, Any]]

_read = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


@dataclass(frozen=True, slots=True)
class Making:
    """What an answer was computed with, beside the bundle."""

    engine: str
    plugin: str
    library: str


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """One output of one instance (counted from 0) that is not what was stored.

    `stored` and `now` are plain JSON values; a number that JSON cannot write is the text of its warning: nan, inf or
    -inf.
    """

    output: str
    instance: int
    stored: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Reproduction:
    """`unknown`: fields of the inputs were not kept, so that nothing could be asked and there is no `now`.

    `differences` are the first `MOST` of those that there are; `more` says that there are others. `explanation` is
    None where none was stored.
    """

    verdict: Verdict
    then: Making
    now: Making | None = None
    differences: tuple[OutputDifference, ...] = ()
    more: bool = False
    explanation: ReproducedExplanation | None = None

    @property
    def same(self) -> bool:
        """Whether all that was stored came out once more, equal to the bit."""
        explained = self.explanation
        return self.verdict == "bit_equal" and (explained is None or explained.verdict == "bit_equal")

    @property
    def changed(self) -> tuple[str, ...]:
        """What answers are computed with now that is another than it was: of engine, plugin and library."""
        if self.now is None:
            return ()
        then, now = asdict(self.then), asdict(self.now)
        return tuple(name for name in then if then[name] != now[name])


def unknown(record: PredictionRecord) -> Reproduction:
    """Of a prediction whose inputs were not kept whole."""
    return Reproduction("unknown", _then(record))


def compared(record: PredictionRecord, now: Making, outputs: bytes, warnings: Warnings) -> Reproduction:
    """What was stored beside what is answered now: the JSON text of as many instances, and its warnings.

    A number's text is the shortest that round-trips in its type, so that the same text is the same bits; warnings tell
    apart the numbers that JSON cannot write.
    """
    stored = bytes(record.outputs)
    if stored == outputs and _by_place(record.warnings or ()) == _by_place(warnings):
        return Reproduction("bit_equal", _then(record), now)
    found = _differences(stored, record.warnings or (), outputs, warnings)
    return Reproduction(
        "differs" if found else "bit_equal", _then(record), now, tuple(found[:MOST]), more=len(found) > MOST
    )


def describe_reproduction(record: PredictionRecord, reproduction: Reproduction) -> dict[str, Any]:
    """The JSON form of a reproduction."""
    return {
        "id": record.id,
        "model": record.model,
        "version": record.version,
        "digest": record.digest,
        "verdict": reproduction.verdict,
        "differences": [asdict(difference) for difference in reproduction.differences],
        "more": reproduction.more,
        "not_kept": record.not_kept or {},
        "then": asdict(reproduction.then),
        "now": None if reproduction.now is None else asdict(reproduction.now),
        "changed": list(reproduction.changed),
        "explanation": None if reproduction.explanation is None else asdict(reproduction.explanation),
    }


def read_reproduction(told: Mapping[str, Any]) -> Reproduction:
    """The reproduction in a JSON form, such as a server has sent. Raises msgspec.ValidationError."""
    return msgspec.convert(told, Reproduction)


class Answered(Protocol):
    """What a sentence about a prediction wants to know of it: a record has that, and so has its JSON form."""

    @property
    def model(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def not_kept(self) -> Mapping[str, str] | None: ...


def sentence(record: Answered, reproduction: Reproduction) -> str:
    """The verdict in words, for people."""
    if reproduction.verdict == "unknown":
        names = ", ".join(f"'{name}' ({keep})" for name, keep in (record.not_kept or {}).items())
        return f"It cannot be known: the inputs of this prediction were not kept whole: {names}."
    told = f"Version {record.version} of model {record.model}"
    explained = "" if reproduction.explanation is None else f" {reproduction.explanation.sentence}"
    if reproduction.verdict == "bit_equal":
        return f"{told} answers this again, equal to the bit.{explained}"
    count = len(reproduction.differences)
    differ = "1 value differs" if count == 1 else f"{'more than ' if reproduction.more else ''}{count} values differ"
    return f"{told} answers this in another way now: {differ}.{explained}"


def _then(record: PredictionRecord) -> Making:
    return Making(record.engine, record.plugin, record.library)


def _differences(stored: bytes, before: Warnings, outputs: bytes, after: Warnings) -> list[OutputDifference]:
    """One more than `MOST` at most."""
    found: list[OutputDifference] = []
    told, now_told = _by_place(before), _by_place(after)
    for instance, (was, now) in enumerate(zip(_read(stored), _read(outputs), strict=True)):
        for output, text in was.items():
            place = (output, instance)
            same = bytes(text) == bytes(now[output])
            if same and told.get(place) == now_told.get(place):
                continue
            values = [msgspec.json.decode(text), msgspec.json.decode(now[output])]
            for side, warnings in enumerate((told, now_told)):
                if place in warnings and (same or values[side] is None):
                    values[side] = warnings[place]
            found.append(OutputDifference(output, instance, *values))
            if len(found) > MOST:
                return found
    return found


def _by_place(warnings: Warnings) -> dict[tuple[str, int], str]:
    return {(warning["output"], warning["instance"]): warning["value"] for warning in warnings}
