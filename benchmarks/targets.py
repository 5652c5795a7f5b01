"""The targets, each with what was measured on both sides of it. Where rounds cannot tell, that is what is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.load import Measurement

# With fewer, ranges lie apart by chance too often.
FEWEST_ROUNDS = 3

Found = Sequence[Measurement]


@dataclass(frozen=True)
class Target:
    """`ours` to the best of `theirs` in `figure` (None: an absolute figure), at least or at most `bound` times as much.

    `connections` are those of ours; `work` of both.
    """

    what: str
    work: str
    connections: int
    ours: str
    theirs: tuple[str, ...]
    figure: str
    bound: float | None
    at_least: bool = True
    aim: float | None = None


@dataclass(frozen=True)
class Row:
    """A line of the table, in words."""

    what: str
    ours: str
    theirs: str
    ratio: str
    cpu: str
    target: str
    met: str


FAST, FLASK, ML = ("fastapi",), ("flask",), ("mlserver", "mlserver-batching")
RPS, P50, P99, CPU = "requests_per_s", "p50_ms", "p99_ms", "cpu_ms_per_request"
PSS, START, DRAIN = "pss_mib", "start_s", "drain_s"

TARGETS = (
    Target("single row, engine onnx", "single", 16, "mlserve-onnx", FAST, RPS, 4.0, aim=4.5),
    Target("single row, engine onnx", "single", 16, "mlserve-onnx", ML, RPS, 8.0),
    Target("single row, engine onnx", "single", 16, "mlserve-onnx", FLASK, RPS, None),
    Target("single row, engine onnx", "single", 16, "mlserve-onnx", ("litserve",), RPS, 12.0),
    Target("single row, engine onnx", "single", 16, "mlserve-onnx", ("bentoml",), RPS, 15.0),
    Target("single row, engine onnx", "single", 16, "mlserve-onnx", ("kserve",), RPS, None),
    Target("single row, engine exact", "single", 16, "mlserve", FAST, RPS, 2.5, aim=3.0),
    Target("single row, engine exact", "single", 16, "mlserve", ML, RPS, 5.0),
    Target("single row, engine exact", "single", 16, "mlserve", FLASK, RPS, None),
    Target("the same, each worker on a processor", "single", 16, "mlserve-pinned", FAST, RPS, None),
    Target(
        "the same, each worker on a processor", "single", 16, "mlserve-pinned", ("mlserve",), P99, None, at_least=False
    ),
    Target("one process, waitress", "single", 16, "mlserve-waitress", FAST, RPS, None),
    Target(
        "against the floor, onnx, no shipper",
        "single",
        16,
        "mlserve-onnx-unshipped",
        ("floor-onnx",),
        RPS,
        0.55,
        aim=0.65,
    ),
    Target("against the floor, exact, no shipper", "single", 16, "mlserve-unshipped", ("floor",), RPS, 0.55, aim=0.65),
    Target("single row, exact, p50", "single", 1, "mlserve", FAST, P50, 0.35, at_least=False),
    Target("single row, exact, p99 to its own p50", "single", 1, "mlserve", ("mlserve",), P99, 4.0, at_least=False),
    Target("single row, onnx, p50", "single", 1, "mlserve-onnx", FAST, P50, 0.35, at_least=False),
    Target(
        "single row, onnx, p99 to its own p50", "single", 1, "mlserve-onnx", ("mlserve-onnx",), P99, 4.0, at_least=False
    ),
    Target("300 trees, onnx", "big", 16, "mlserve-onnx", FAST, RPS, 4.0),
    Target("300 trees, exact", "big", 16, "mlserve", FAST, RPS, 2.0),
    Target("demo model, exact", "flight", 16, "mlserve", FAST, RPS, 2.5),
    Target("1,000 rows as JSON objects", "rows", 4, "mlserve", (*FAST, *FLASK), RPS, 2.0),
    Target("1,000 rows in each server's fastest JSON", "columns", 4, "mlserve", (*FAST, *FLASK, *ML), RPS, 2.0),
    Target("p99 of single rows beside 1,000 rows", "meanwhile", 1, "mlserve", FAST, P99, None, at_least=False),
    Target("1,000 rows as Arrow, to the library itself", "arrow", 4, "mlserve", ("library",), RPS, 0.7),
    Target("CPU of the log: process to off", "single", 16, "mlserve", ("mlserve-off",), CPU, 1.2, at_least=False),
    Target("the log: host to process", "single", 16, "mlserve-host", ("mlserve",), RPS, 0.15),
    Target("the log: sql to process", "single", 16, "mlserve-sql", ("mlserve",), RPS, None),
    Target("the shipper keeps up, SQLite", "keep-up-sqlite", 16, "mlserve", (), DRAIN, 0.1, at_least=False),
    Target("the shipper keeps up, PostgreSQL", "keep-up-postgresql", 16, "mlserve", (), DRAIN, 0.1, at_least=False),
    Target("memory", "single", 16, "mlserve", FAST, PSS, 1.5, at_least=False),
    Target("start to the first right answer", "single", 16, "mlserve", (), START, 3.0, at_least=False),
)

_UNITS = {RPS: "/s", P50: " ms", P99: " ms", CPU: " ms", PSS: " MiB", START: " s", DRAIN: " s"}


def target_rows(found: Found) -> list[Row]:
    """A line for each target, those too that were not measured."""
    return [_row(target, found) for target in TARGETS]


def rounds_of(found: Found, server: str, work: str, connections: int) -> list[Measurement]:
    """The rounds of one server at one work, in their order."""
    some = [one for one in found if (one.server, one.work, one.connections) == (server, work, connections)]
    return sorted(some, key=lambda one: one.round)


def figures_of(found: Found, figure: str) -> list[float]:
    return [value for one in found if (value := getattr(one, figure)) is not None]


def best(found: Found, target: Target) -> list[Measurement]:
    """The rounds of the one of `theirs` that does best."""
    sides = [rounds_of(found, name, target.work, target.connections) for name in target.theirs]
    sides = [side for side in sides if figures_of(side, target.figure)]
    pick = max if target.figure == RPS else min
    return pick(sides, key=lambda side: median(figures_of(side, target.figure)), default=[])


def verdict(target: Target, ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Whether the target is met, by the medians; or that the rounds cannot tell."""
    if target.bound is None:
        return "no target"
    bounds = [value * target.bound for value in theirs]
    if min(len(ours), len(bounds)) < FEWEST_ROUNDS:
        return "too few rounds to tell"
    met = (median(ours) >= median(bounds)) == target.at_least or median(ours) == median(bounds)
    apart = min(ours) > max(bounds) or max(ours) < min(bounds)
    return ("met" if met else "not met") + ("" if apart else ", ranges overlap")


def _row(target: Target, found: Found) -> Row:
    ours = rounds_of(found, target.ours, target.work, target.connections)
    what = f"{target.what}, c{target.connections}: {_NAMES.get(target.figure, target.figure)}"
    said = _said(target)
    if not figures_of(ours, target.figure):
        return Row(what, "not measured", ", ".join(target.theirs), "", "", said, "not measured")
    if not target.theirs:
        return _absolute(target, what, said, ours)
    if target.figure == P99 and target.theirs == (target.ours,):
        theirs, figure = ours, P50
    else:
        theirs, figure = best(found, target), target.figure
    if not theirs:
        return Row(what, _told(ours, target.figure), ", ".join(target.theirs), "", "", said, "peer not measured")
    mine, others = figures_of(ours, target.figure), figures_of(theirs, figure)
    name = "its p50" if figure != target.figure else theirs[0].server
    cpu = median(figures_of(theirs, CPU)) / max(median(figures_of(ours, CPU)), 1e-9)
    return Row(
        what,
        _told(ours, target.figure),
        f"{name} {_told(theirs, figure)}",
        f"{median(mine) / median(others):.2f}",
        "" if theirs is ours else f"{cpu:.2f}",
        said,
        verdict(target, mine, others),
    )


def _absolute(target: Target, what: str, said: str, ours: Found) -> Row:
    """One that is compared with no server. Of a shipper, how long it took after the load, in terms of the load."""
    one = ours[0]
    if target.figure == DRAIN:
        length = one.requests / one.requests_per_s
        told = f"{one.requests_per_s:,.0f}/s, {one.backlog_mib:.1f} MiB left, gone in {one.drain_s:.1f} s"
        met = "met" if (one.drain_s or 0) <= length * (target.bound or 0) else "not met"
        share = f"{(one.drain_s or 0) / length:.3f}"
        return Row(what, told, "", share, "", f"≤ {target.bound:g} of {length:.0f} s", met)
    value = median(figures_of(ours, target.figure))
    met = "met" if value <= (target.bound or 0) else "not met"
    return Row(what, _told(ours, target.figure), "", "", "", said, met)


def _said(target: Target) -> str:
    if target.bound is None:
        return "reported"
    sign = "≥" if target.at_least else "≤"
    unit = "×" if target.theirs else _UNITS[target.figure]
    aim = "" if target.aim is None else f" ({target.aim:g} aimed at)"
    return f"{sign} {target.bound:g} {unit.strip()}{aim}"


def _told(found: Found, figure: str) -> str:
    """The median with the range."""
    some = figures_of(found, figure)
    form = _forms(figure)
    text = form(median(some)) + _UNITS[figure]
    return text if min(some) == max(some) else f"{text} ({form(min(some))}-{form(max(some))})"


def _forms(figure: str) -> Callable[[float], str]:
    places = {RPS: ",.0f", PSS: ",.0f", CPU: ".3f", P50: ".2f", P99: ".2f"}.get(figure, ".1f")
    return lambda value: format(value, places)


_NAMES = {RPS: "requests/s", P50: "p50", P99: "p99", CPU: "CPU a request", PSS: "PSS", START: "start", DRAIN: "drained"}
