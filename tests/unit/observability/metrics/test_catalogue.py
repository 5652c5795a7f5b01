"""The catalogue says of every metric what it is, and the reference says the same."""

import re

from mlserve.observability.metrics.catalogue import COUNTERS, METRICS, SECONDS, core_counters, exported_name
from tests.docs.pages import ROOT, text_of

PAGE = text_of("docs/reference/metrics.md")
ALL = (*METRICS, *core_counters())


def test_the_reference_lists_every_metric_with_its_kind_and_labels_and_no_other() -> None:
    rows = re.findall(r"^\| `(mlserve_\w+)` \| (\w+) \| ([^|]*) ?\| \S", PAGE, re.MULTILINE)
    said = [(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows]
    assert said == [(metric.name, metric.kind, metric.labels) for metric in ALL]


def test_the_reference_lists_the_buckets() -> None:
    (line,) = re.findall(r"^Durations have the buckets (.*) seconds\.$", PAGE, re.MULTILINE)
    assert [float(text) for text in re.findall(r"[\d.]+", line)] == list(SECONDS)


def test_every_plain_counter_of_the_core_begins_at_0() -> None:
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "mlserve").rglob("*.py")]
    counted = {name for text in code for name in re.findall(r"counters\.add\(\s*\"(\w+)\"", text)}
    assert counted == set(COUNTERS)


def test_names_say_the_kind_and_the_base_unit() -> None:
    for metric in ALL:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")
        assert metric.help.endswith(".")


def test_a_counter_s_name_becomes_one_that_prometheus_takes() -> None:
    assert exported_name("log_drops") == "mlserve_log_drops_total"
    assert re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", exported_name("plugin-é.x y\n"))
