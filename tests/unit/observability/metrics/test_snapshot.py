"""Snapshots are summed, and nothing that does not fit gets in."""

import msgspec
import pytest

from mlserve.observability.metrics.catalogue import SECONDS
from mlserve.observability.metrics.snapshot import Buckets, Histogram, Snapshot, decode, encode, merge

TIMES = "mlserve_http_request_duration_seconds"
REQUESTS = "mlserve_http_requests_total"
ROWS = len(SECONDS) + 1


def buckets(place: int, n: int = 1, route: str = "/a") -> Histogram:
    counts = [0] * ROWS
    counts[place] = n
    return Histogram(SECONDS, [Buckets((route,), counts, float(n))])


def test_a_snapshot_is_read_as_it_was_written() -> None:
    snapshot = Snapshot(
        counters={REQUESTS: [(("/a", "GET", "200"), 3.0)], "mlserve_plugin_x_total": [((), 1.5)]},
        histograms={TIMES: buckets(2)},
        gauges={"mlserve_ready": [((), 1.0)]},
    )
    assert decode(encode(snapshot)) == snapshot


def test_counters_and_histograms_are_summed_by_labels() -> None:
    one = Snapshot(
        counters={REQUESTS: [(("/a", "GET", "200"), 3), (("/b", "GET", "200"), 1)]}, histograms={TIMES: buckets(0)}
    )
    two = Snapshot(counters={REQUESTS: [(("/a", "GET", "200"), 4)]}, histograms={TIMES: buckets(0, 2)})
    merged = merge([one, two, Snapshot(histograms={TIMES: buckets(1, route="/c")})])
    assert merged.counters[REQUESTS] == [(("/a", "GET", "200"), 7), (("/b", "GET", "200"), 1)]
    first, second = merged.histograms[TIMES].series
    assert (first.labels, first.counts[:2], first.total) == (("/a",), [3, 0], 3.0)
    assert (second.labels, second.counts[:2]) == (("/c",), [0, 1])
    assert one.histograms[TIMES] == buckets(0)


def test_series_of_one_snapshot_that_have_the_same_labels_become_one() -> None:
    twice = Histogram(SECONDS, buckets(0).series * 2)
    assert merge([Snapshot(histograms={TIMES: twice})]).histograms[TIMES].series[0].counts[0] == 2


def test_gauges_are_summed_or_the_largest_is_taken() -> None:
    parts = [
        Snapshot(gauges={"mlserve_workers": [((), 1.0)], "mlserve_spool_backlog_records": [((), n)]})
        for n in (5.0, 9.0)
    ]
    assert merge(parts).gauges == {"mlserve_workers": [((), 2.0)], "mlserve_spool_backlog_records": [((), 9.0)]}


def test_gauges_do_not_outlive_their_process() -> None:
    snapshot = Snapshot(counters={REQUESTS: []}, histograms={TIMES: buckets(0)}, gauges={"mlserve_ready": [((), 1.0)]})
    assert snapshot.lasting() == Snapshot(counters={REQUESTS: []}, histograms={TIMES: buckets(0)})


@pytest.mark.parametrize(
    "other",
    [
        {"counters": {REQUESTS: [[["/a", "GET"], 1]]}},
        {"counters": {"mlserve_plugin_x_total": [[["label"], 1]]}},
        {"counters": {"mlserve_ready": [[[], 1]]}},
        {"gauges": {REQUESTS: [[["/a", "GET", "200"], 1]]}},
        {"gauges": {"mlserve_of_tomorrow": [[[], 1]]}},
        {"histograms": {TIMES: {"bounds": [1.0], "series": [{"labels": ["/a"], "counts": [1, 0], "total": 1}]}}},
        {"histograms": {TIMES: {"bounds": SECONDS, "series": [{"labels": ["/a"], "counts": [1], "total": 1}]}}},
        {"histograms": {TIMES: {"bounds": SECONDS, "series": [{"labels": [], "counts": [0] * ROWS, "total": 1}]}}},
        {"histograms": {REQUESTS: {"bounds": SECONDS, "series": []}}},
    ],
)
def test_a_metric_of_another_release_that_does_not_fit_is_left_out(other: dict) -> None:
    assert decode(msgspec.json.encode({"v": 1, **other})) == Snapshot()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b'{"v":2}',
        b'{"somebody":"else"}',
        b'{"v":1,"counters":{"mlserve_x_total":[[[],-1]]}}',
        b'{"v":1,"counters":{"mlserve_x_total":[[[],NaN]]}}',
        b'{"v":1,"counters":{"mlserve_x_total":[[[1],1]]}}',
        b'{"v":1,"counters":{"mlserve_x_total"',
        b"[" * 100_000,
    ],
)
def test_what_is_no_snapshot_is_refused(raw: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        decode(raw)
