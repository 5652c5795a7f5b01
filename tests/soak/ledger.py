"""What clients of the soak asked and were told, what was done to the server meanwhile, and whether the two agree.

Pure: no socket, no process, no database. All times are of the machine's monotonic clock, in seconds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

# Requests that keep a prediction when they go well.
PREDICTING = frozenset({"one", "many", "keyed"})
# What asks the database, and may be told 503 while that is away.
ASKING = frozenset({"keyed", "actual", "read"})
DATABASE = "database"
# A database that came back is found back by each process at its next look; and who waits for a lock, or a connection,
# waits for up to the timeout of the settings.
AFTER_DATABASE = 8.0
# A connection may end a moment after the process that had it, or after the process that left in a reload.
AFTER = 2.0


class Told(msgspec.Struct, array_like=True, gc=False):
    """One request and what came of it.

    `rows` are those of the pool, from `start` on. `stage` is how far a request got that has no whole answer: `connect`,
    `asked` (not a byte came back) or `answering`; empty otherwise. `wrong` says what of an answer is not right.
    """

    began: float
    ended: float
    kind: str
    model: str
    start: int
    rows: int
    port: int = 0
    stage: str = ""
    status: int = 0
    code: str = ""
    id: str = ""
    version: int = 0
    key: str = ""
    wrong: str = ""
    reused: bool = False  # the connection had carried a request before


@dataclass(frozen=True)
class Happening:
    """Something that was done to the server; `ports` are those of the clients whose connections ended with it."""

    kind: str
    began: float
    ended: float
    ports: frozenset[int] = frozenset()

    def covers(self, told: Told, after: float) -> bool:
        """Whether a request was under way meanwhile, or began up to `after` seconds later."""
        return told.ended >= self.began and told.began <= self.ended + after


@dataclass
class Ledger:
    """All that was told, sorted by what it means for the log."""

    happenings: Sequence[Happening]
    answered: dict[str, Told] = field(default_factory=dict)  # by the prediction's id
    reported: Counter[str] = field(default_factory=Counter)  # actuals that were taken, by the prediction's id
    maybe_reported: Counter[str] = field(default_factory=Counter)  # those whose answer never came, or was 503
    unknown: int = 0  # predictions without an answer: each may be in the log, or not
    kinds: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)  # failures, by what explains them
    reused: int = 0  # those in a reload that were on a connection which had carried a request before
    reasons: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    _keys: dict[str, str] = field(default_factory=dict)

    def add(self, told: Told) -> None:
        self.kinds[told.kind] += 1
        if told.wrong:
            self.reasons.append(f"{told.kind} of {told.model} was answered wrongly: {told.wrong}")
        if told.stage or told.status == 503:
            self._add_failure(told)
        elif not told.wrong:
            self._add_answer(told)

    def _add_answer(self, told: Told) -> None:
        self.latencies.append(told.ended - told.began)
        if told.kind == "actual":
            self.reported[told.id] += 1
        if told.kind not in PREDICTING:
            return
        if told.key and self._keys.setdefault(told.key, told.id) != told.id:
            self.reasons.append(f"the key {told.key} has two predictions: {self._keys[told.key]} and {told.id}")
        if not told.key and told.id in self.answered:
            self.reasons.append(f"two requests were answered with the id {told.id}")
        self.answered[told.id] = told

    def _add_failure(self, told: Told) -> None:
        why = explanation(told, self.happenings)
        if why is None:
            after = min((told.ended - one.began for one in self.happenings if one.began <= told.ended), default=0.0)
            how = f"{told.status} {told.code}" if told.status else f"its connection ended ({told.stage})"
            self.reasons.append(f"{told.kind} of {told.model} failed: {how}, {after:.2f} s after what was done last")
        else:
            self.explained[why] += 1
            self.reused += why == "reload" and told.reused
        if told.kind in PREDICTING:
            self.unknown += 1
        if told.kind == "actual":
            self.maybe_reported[told.id] += 1


def explanation(told: Told, happenings: Iterable[Happening]) -> str | None:
    """The kind of what explains a failure; None for one that nothing does."""
    for one in happenings:
        if told.status == 503:
            known = told.kind in ASKING and told.code == "database_unavailable"
            if one.kind == DATABASE and known and one.covers(told, AFTER_DATABASE):
                return one.kind
        elif one.kind == "end":
            # Nobody listens any more; what had been taken is answered to its last byte.
            if told.stage != "answering" and told.ended >= one.began:
                return one.kind
        elif one.kind == "reload":
            if told.stage == "asked" and one.covers(told, AFTER):
                return one.kind
        elif told.port in one.ports and told.stage != "connect" and one.covers(told, AFTER):
            return one.kind
    return None


def read(paths: Iterable[Path]) -> Iterator[Told]:
    """What the clients have written, a line each; the last line of one that was cut short is left out."""
    decode = msgspec.json.Decoder(Told).decode
    for path in paths:
        with path.open("rb") as lines:
            yield from (decode(line) for line in lines if line.endswith(b"\n"))
