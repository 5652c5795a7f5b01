"""How good the answers are: against bounds, and against those of another version on the same rows."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mlserve.bundles.packaging import predict_all
from mlserve.bundles.sample import Column, Sample
from mlserve.bundles.scored import scores_of
from mlserve.checks.bounds import MORE_IS_BETTER, Bound, Tolerances
from mlserve.checks.check import Check, decided
from mlserve.checks.fit import Fit
from mlserve.errors import BundleError
from mlserve.inference.loaded import LoadedVersion
from mlserve.signature import Batch

Scores = Mapping[str, float]


def measured(loaded: LoadedVersion, fit: Fit, sample: Sample, target: str, places: Sequence[int] = ()) -> Scores:
    """The version's scores on the rows that fit it, or on those `places` of them, with how many `rows` count.

    Raises BundleError where the column is not what the model answers, and what `predict` raises.
    """
    chosen = list(places or fit.places)
    if not chosen:
        raise BundleError("There are no rows to measure on.")
    if target not in sample.columns:
        raise BundleError(f"The data has no column {target!r} to compare the answers with.")
    of_batch = {place: number for number, place in enumerate(fit.places)}
    every = fit.batch.rows()
    batch = Batch.from_rows(loaded.signature, [every[of_batch[place]] for place in chosen])
    cells = sample.columns[target].cells
    rows = Sample({target: Column([cells[place] for place in chosen])}, len(chosen), sample.typed)
    outputs = {name: np.asarray(array) for name, array in predict_all(loaded, batch).items()}
    return scores_of(loaded.signature, outputs, rows, target)


def check_bound(bound: Bound, scores: Scores) -> Check:
    """Whether a score is within its bound; a model that has no such score fails."""
    if bound.score not in scores:
        known = ", ".join(name for name in scores if name != "rows")
        return Check(bound.name, "failed", f"These answers have no {bound.score}; they have {known}.")
    found, rows = scores[bound.score], f"{scores['rows']:,.0f} rows"
    wanted = f"{'at least' if bound.least else 'at most'} {bound.limit:g}"
    return decided(bound.name, bound.holds(found), f"{bound.score} is {found:.6g} on {rows}, {wanted} is asked.")


def comparisons(ours: Scores, theirs: Scores, tolerances: Tolerances, other: str) -> Iterator[Check]:
    """For each score of the other version that the tolerances ask for, whether ours is not worse by more than that."""
    for score, more_is_better in MORE_IS_BETTER.items():
        if score not in theirs or not tolerances.asks(score):
            continue
        name = f"{score} against {other}"
        if score not in ours:
            yield Check(name, "failed", f"These answers have no {score}, and those of {other} have.")
            continue
        worse = theirs[score] - ours[score] if more_is_better else ours[score] - theirs[score]
        allowed = tolerances.of(score)
        sentence = (
            f"{score} is {ours[score]:.6g}, that of {other} {theirs[score]:.6g}, both on {ours['rows']:,.0f} rows; "
            f"it may be worse by {allowed:g}."
        )
        # Scores have nine digits: their difference may have a rounding of its own.
        yield decided(name, worse <= allowed + 1e-9, sentence)
