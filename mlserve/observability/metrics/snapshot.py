"""What was measured, as plain data: written into a slot file, read again, and summed over processes. Pure."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

import msgspec

from mlserve.observability.metrics.catalogue import BY_NAME, SECONDS

Labels = tuple[str, ...]
# Nothing counts further, and what is added up stays exact.
MOST: Final = 2**53
Count = Annotated[int, msgspec.Meta(ge=0, le=MOST)]
Sum = Annotated[float, msgspec.Meta(ge=0, le=MOST)]
Series = list[tuple[Labels, Sum]]


class Buckets(msgspec.Struct, frozen=True):
    """One series of a histogram: how many values fell into each bucket, the last above all bounds, and their sum."""

    labels: Labels
    counts: list[Count]
    total: Sum


class Histogram(msgspec.Struct, frozen=True):
    bounds: tuple[float, ...]
    series: list[Buckets]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counters and histograms last: the next process of the slot goes on from them. Gauges are of now."""

    v: Literal[1] = 1
    counters: dict[str, Series] = {}
    histograms: dict[str, Histogram] = {}
    gauges: dict[str, Series] = {}

    def lasting(self) -> "Snapshot":
        return Snapshot(counters=self.counters, histograms=self.histograms)


_decoder: Final = msgspec.json.Decoder(Snapshot)
encode: Final = msgspec.json.Encoder().encode


def decode(raw: bytes) -> Snapshot:
    """Raises msgspec.DecodeError, UnicodeDecodeError or RecursionError for what is no snapshot of this format.

    Metrics that have other labels or buckets by now are left out: they begin at 0 again.
    """
    found = _decoder.decode(raw)
    return Snapshot(
        counters={name: series for name, series in found.counters.items() if _fits(name, "counter", series)},
        histograms={
            name: it
            for name, it in found.histograms.items()
            if it.bounds == SECONDS
            and _fits(name, "histogram", [(buckets.labels, 0) for buckets in it.series])
            and all(len(buckets.counts) == len(SECONDS) + 1 for buckets in it.series)
        },
        gauges={name: series for name, series in found.gauges.items() if _fits(name, "gauge", series)},
    )


def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The snapshots of several processes, or of one and its predecessors, as one."""
    counters: dict[str, dict[Labels, float]] = {}
    gauges: dict[str, dict[Labels, float]] = {}
    histograms: dict[str, dict[Labels, Buckets]] = {}
    for snapshot in snapshots:
        for name, series in snapshot.counters.items():
            _add(counters.setdefault(name, {}), series)
        for name, series in snapshot.gauges.items():
            into = gauges.setdefault(name, {})
            (_add if BY_NAME[name].merge == "sum" else _maximum)(into, series)
        for name, histogram in snapshot.histograms.items():
            _add_buckets(histograms.setdefault(name, {}), histogram.series)
    return Snapshot(
        counters=_listed(counters),
        gauges=_listed(gauges),
        histograms={name: Histogram(SECONDS, list(series.values())) for name, series in histograms.items()},
    )


def _fits(name: str, kind: str, series: Series) -> bool:
    metric = BY_NAME.get(name)
    labels = len(metric.labels) if metric else 0  # Plain counters have no labels.
    return (metric.kind if metric else "counter") == kind and all(len(values) == labels for values, _ in series)


def _add(into: dict[Labels, float], series: Series) -> None:
    for labels, value in series:
        into[labels] = into.get(labels, 0) + value


def _maximum(into: dict[Labels, float], series: Series) -> None:
    for labels, value in series:
        into[labels] = max(into.get(labels, value), value)


def _add_buckets(into: dict[Labels, Buckets], series: list[Buckets]) -> None:
    for more in series:
        known = into.get(more.labels)
        if known is not None:
            counts = [a + b for a, b in zip(known.counts, more.counts, strict=True)]
            more = Buckets(more.labels, counts, known.total + more.total)
        into[more.labels] = more


def _listed(sums: Mapping[str, Mapping[Labels, float]]) -> dict[str, Series]:
    return {name: list(series.items()) for name, series in sums.items()}
