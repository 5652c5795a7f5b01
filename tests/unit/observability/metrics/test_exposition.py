"""The text is what the formats' own parsers read, value for value."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from mlserve.observability.metrics.catalogue import METRICS, SECONDS, core_counters
from mlserve.observability.metrics.exposition import OPENMETRICS, PLAIN, render
from mlserve.observability.metrics.snapshot import Buckets, Histogram, Snapshot

ODD = 'a "quoted\\ name\nin é lines'
COUNTS = [1] + [0] * (len(SECONDS) - 1) + [2]
SNAPSHOT = Snapshot(
    counters={
        "mlserve_http_requests_total": [((ODD, "GET", "200"), 3)],
        "mlserve_log_drops_total": [((), 1)],
        "mlserve_plugin_rows_total": [((), 2.5)],
    },
    histograms={"mlserve_http_request_duration_seconds": Histogram(SECONDS, [Buckets((ODD,), COUNTS, 44.5)])},
    gauges={"mlserve_ready": [((), 1e-9)]},
)
WITH_PROMETHEUS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@pytest.mark.parametrize(("accept", "parse"), [("", parse_plain), (WITH_PROMETHEUS, parse_openmetrics)])
def test_every_value_is_read_back(accept: str, parse) -> None:
    families = list(parse(render(SNAPSHOT, accept)[0].decode()))
    samples = {(it.name, *sorted(it.labels.items())): it.value for family in families for it in family.samples}
    assert samples["mlserve_http_requests_total", ("method", "GET"), ("route", ODD), ("status", "200")] == 3
    assert samples["mlserve_log_drops_total",] == 1
    assert samples["mlserve_plugin_rows_total",] == 2.5
    assert samples["mlserve_ready",] == 1e-9
    times = "mlserve_http_request_duration_seconds"
    buckets = [samples[f"{times}_bucket", ("le", str(bound)), ("route", ODD)] for bound in (*SECONDS, "+Inf")]
    assert buckets == [1] * len(SECONDS) + [3]
    assert (samples[f"{times}_count", ("route", ODD)], samples[f"{times}_sum", ("route", ODD)]) == (3, 44.5)


@pytest.mark.parametrize(("accept", "parse"), [("", parse_plain), (WITH_PROMETHEUS, parse_openmetrics)])
def test_every_metric_has_its_type_and_help_even_without_a_value(accept: str, parse) -> None:
    families = {it.name: (it.type, it.documentation) for it in parse(render(Snapshot(), accept)[0].decode())}
    expected = {it.name.removesuffix("_total"): (it.kind, it.help) for it in (*METRICS, *core_counters())}
    assert families == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/html", PLAIN),
        ("application/openmetrics-text; version=0.0.1", OPENMETRICS),
        (WITH_PROMETHEUS, OPENMETRICS),
        ("Application/OpenMetrics-Text;q=0.4, text/plain", PLAIN),
        ("application/openmetrics-text;q=wrong", PLAIN),
        (";;,q=,", PLAIN),
    ],
)
def test_openmetrics_is_for_who_asks_for_it_first(accept: str, expected: str) -> None:
    body, media_type = render(SNAPSHOT, accept)
    assert media_type == expected
    assert body.endswith(b"# EOF\n") == (expected == OPENMETRICS)
