"""Which rows of the data a version takes, and what is wrong with the others, field by field."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mlserve.bundles.sample import Sample
from mlserve.checks.check import Check, decided
from mlserve.errors import BundleError, Invalid, Problem
from mlserve.signature import Batch, Decoder, Signature
from mlserve.signature.faults import got
from mlserve.signature.text import cell_values

_PIECE: Final = 1_000
# Of one piece; where it has more, the rows that were told of are put aside, and the others looked at again.
_MOST_PROBLEMS: Final = 10_000
_BODIES: Final = 1_000
_TOLD: Final = 20


@dataclass(frozen=True)
class Refusal:
    """What is wrong with a field in the same way, in how many rows; `first` is the first of them, counted from 1."""

    problem: Problem
    rows: int
    first: int

    def __str__(self) -> str:
        problem, rows = self.problem, "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        where = problem.field or "the row"
        return (
            f"{where}: expected {problem.expected}, got {problem.got or 'nothing'} ({problem.code}) in {rows}, "
            f"row {self.first:,} first"
        )


@dataclass(frozen=True)
class Fit:
    """`batch` has the rows that the signature takes, at `places` among `rows`; `bodies` are the first as JSON arrays
    of one instance."""

    rows: int
    places: tuple[int, ...]
    batch: Batch
    bodies: tuple[bytes, ...]
    refusals: tuple[Refusal, ...]

    @property
    def refused(self) -> float:
        """The share of rows that the signature refuses."""
        return 1 - len(self.places) / self.rows


def fit_of(signature: Signature, sample: Sample) -> Fit:
    """Check all rows as those of a caller are. Raises BundleError for what JSON has no form for."""
    decoder = Decoder(signature, max_instances=_PIECE, max_problems=_MOST_PROBLEMS)
    found: dict[str, list[Any]] = {name: [] for name in signature.names}
    places: list[int] = []
    bodies: list[bytes] = []
    tally = _Tally()
    for start in range(0, sample.rows, _PIECE):
        rows = _rows(signature, sample, start, min(start + _PIECE, sample.rows), tally)
        batch = _decoded(decoder, rows, tally)
        if batch is None:
            continue
        places += rows
        for name, values in found.items():
            values += batch.values(name)
        bodies += [msgspec.json.encode([row]) for row in list(rows.values())[: _BODIES - len(bodies)]]
    return Fit(sample.rows, tuple(places), Batch.from_columns(signature, found), tuple(bodies), tuple(tally.refusals()))


def check_fit(fit: Fit, most: float) -> Check:
    """Whether at most the share `most` of the rows is refused, and any is taken."""
    refused = fit.rows - len(fit.places)
    allowed = f"at most {most:.2%} may be" if most else "none may be"
    sentence = f"{refused:,} of {fit.rows:,} rows ({fit.refused:.2%}) are refused by the signature, {allowed}."
    details = [str(refusal) for refusal in fit.refusals[:_TOLD]]
    if len(fit.refusals) > _TOLD:
        details.append(f"and {len(fit.refusals) - _TOLD} more kinds of problems")
    return decided("fit", fit.refused <= most and bool(fit.places), sentence, details)


class _Tally:
    """Counts rows by field and kind of problem."""

    def __init__(self) -> None:
        self._rows: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], tuple[int, Problem]] = {}

    def add(self, place: int, problems: Iterable[Problem]) -> None:
        """The problems of the row at `place`, counted from 0."""
        of_row: dict[tuple[str, str], Problem] = {}
        for problem in problems:
            of_row.setdefault((problem.field or "", problem.code), problem)
        for kind, problem in of_row.items():
            self._rows[kind] += 1
            self._first.setdefault(kind, (place + 1, problem))

    def refusals(self) -> list[Refusal]:
        """Those of most rows first, then in the order of the rows."""
        found = [Refusal(self._first[kind][1], rows, self._first[kind][0]) for kind, rows in self._rows.items()]
        return sorted(found, key=lambda refusal: (-refusal.rows, refusal.first))


def _rows(signature: Signature, sample: Sample, start: int, end: int, tally: _Tally) -> dict[int, dict[str, Any]]:
    """The instances of these rows by their place, without those that hold infinite numbers: JSON has none."""
    names = [name for name in signature.names if name in sample.columns]
    columns = [sample.columns[name].cells[start:end] for name in names]
    rows = {}
    for place in range(start, end):
        row = dict(zip(names, (cells[place - start] for cells in columns), strict=True))
        row = row if sample.typed else cell_values(signature, row)
        if infinite := [name for name, value in row.items() if _is_infinite(value)]:
            tally.add(place, [Problem("overflow", "a finite number", got(row[name]), field=name) for name in infinite])
        else:
            rows[place] = row
    return rows


def _decoded(decoder: Decoder, rows: dict[int, dict[str, Any]], tally: _Tally) -> Batch | None:
    """The Batch of these rows without those that are refused, which are removed; None where none is left."""
    while rows:
        try:
            return decoder.decode(msgspec.json.encode(list(rows.values())), None)
        except (TypeError, UnicodeError) as error:
            raise BundleError(f"The data holds what JSON has no form for: {str(error).rstrip('.')}.") from error
        except Invalid as error:
            order = list(rows)
            for number, problems in _by_instance(error.problems).items():
                tally.add(order[number], problems)
                del rows[order[number]]
    return None


def _by_instance(problems: Iterable[Problem]) -> Mapping[int, list[Problem]]:
    found: dict[int, list[Problem]] = {}
    for problem in problems:
        if problem.instance is None:
            raise BundleError(f"The data cannot be checked: expected {problem.expected}, got {problem.got}.")
        found.setdefault(problem.instance, []).append(problem)
    return found


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and value in (float("inf"), float("-inf"))
