"""All checks of a version, in the order in which a person reads them; one that fails stops no other."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import Final

from mlserve.bundles.sample import Sample
from mlserve.checks.bounds import Bound, Tolerances
from mlserve.checks.check import Check, causes, decided, timed
from mlserve.checks.fit import Fit, check_fit, fit_of
from mlserve.checks.latency import check_latency
from mlserve.checks.scores import Scores, check_bound, comparisons, measured
from mlserve.errors import BundleError, MlserveError
from mlserve.inference.loaded import LoadedVersion
from mlserve.signature import Signature
from mlserve.signature.compatible import breaks

_NO_TARGET: Final = "No target column is known, neither given nor from packaging, so that nothing was scored."

Load = Callable[[], AbstractContextManager[LoadedVersion]]


@dataclass(frozen=True)
class Asked:
    """What the checks shall find: bounds of scores on the column `target`, the slowest p99 in seconds, and the largest
    share of rows that the signature may refuse."""

    bounds: tuple[Bound, ...] = ()
    target: str | None = None
    slowest: float | None = None
    refused: float = 0.0
    tolerances: Tolerances = field(default_factory=Tolerances)


@dataclass(frozen=True)
class Other:
    """The version to compare with: how it is called, its signature, and how it is loaded."""

    name: str
    signature: Signature
    load: Load


def run(signature: Signature, load: Load, sample: Sample, asked: Asked, other: Other | None) -> Iterator[Check]:
    """The checks of one version: signature, fit, scores, comparison, latency.

    `load` gives the loaded version for a while. What mlserve raises is a failed check of what could not be looked at.
    """
    if other is not None:
        yield timed("signature", lambda: _check_signature(signature, other))
    fits: list[Fit] = []

    def look() -> Check:
        fits.append(fit_of(signature, sample))
        return check_fit(fits[0], asked.refused)

    yield timed("fit", look)
    with ExitStack() as stack:
        try:
            if not fits or not fits[0].places:
                raise BundleError("No row of the data fits the signature.")
            loaded = stack.enter_context(load())
        except MlserveError as error:
            yield from _unknown(error, asked, other)
        else:
            yield from _of_loaded(loaded, fits[0], sample, asked, other)


def _check_signature(signature: Signature, other: Other) -> Check:
    found = breaks(other.signature, signature)
    if not found:
        return Check("signature", "passed", f"Whoever calls {other.name} can go on with this signature.")
    count = "1 difference" if len(found) == 1 else f"{len(found)} differences"
    sentence = f"The signature breaks callers of {other.name}: {count}."
    return decided("signature", False, sentence, [one.sentence for one in found])


def _of_loaded(loaded: LoadedVersion, fit: Fit, sample: Sample, asked: Asked, other: Other | None) -> Iterator[Check]:
    if asked.target is None:
        yield Check("scores", "skipped", _NO_TARGET)
        yield from (Check(bound.name, "failed", _NO_TARGET) for bound in asked.bounds)
    else:
        target = asked.target
        yield from _scored(loaded, fit, sample, target, asked)
        if other is not None:
            yield from _compared(loaded, fit, sample, target, asked.tolerances, other)
    yield timed("latency", lambda: check_latency(loaded, fit.bodies, asked.slowest))


def _scored(loaded: LoadedVersion, fit: Fit, sample: Sample, target: str, asked: Asked) -> Iterator[Check]:
    found: list[Scores] = []

    def score() -> Check:
        scores = measured(loaded, fit, sample, target)
        found.append(scores)
        told = ", ".join(f"{name} {value:.6g}" for name, value in scores.items() if name != "rows")
        return Check("scores", "passed", f"{told} on {scores['rows']:,.0f} rows with {target}.")

    yield timed("scores", score)
    for bound in asked.bounds:
        yield check_bound(bound, found[0]) if found else Check(bound.name, "failed", "There are no scores.")


def _compared(
    loaded: LoadedVersion, fit: Fit, sample: Sample, target: str, tolerances: Tolerances, other: Other
) -> Iterator[Check]:
    """Both versions on the rows that both take."""
    name, begun = f"scores against {other.name}", time.perf_counter()
    try:
        theirs = fit_of(other.signature, sample)
        both = sorted({*fit.places} & {*theirs.places})
        if not both:
            raise BundleError(f"No row of the data fits both this version and {other.name}.")
        with other.load() as live:
            before = measured(live, theirs, sample, target, both)
        found = list(comparisons(measured(loaded, fit, sample, target, both), before, tolerances, other.name))
        if not found:
            raise BundleError(f"The answers of {other.name} have no scores.")
    except MlserveError as error:
        found = [Check(name, "failed", f"It could not be compared: {error}", causes(error))]
    yield replace(found[0], seconds=time.perf_counter() - begun)
    yield from found[1:]


def _unknown(error: MlserveError, asked: Asked, other: Other | None) -> Iterator[Check]:
    """What was asked and cannot be known is no success."""
    why = f"It could not be looked at: {error}"
    names = [] if asked.target is None else ["scores"]
    names += [bound.name for bound in asked.bounds]
    names += [] if other is None or asked.target is None else [f"scores against {other.name}"]
    for name in [*names, "latency"]:
        yield Check(name, "failed", why, causes(error))
