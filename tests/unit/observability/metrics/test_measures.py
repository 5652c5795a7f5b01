"""What is measured, under which labels."""

from types import SimpleNamespace
from typing import Any

from mlserve.errors import Invalid, LogUnavailable, MlserveError, PredictionFailed
from mlserve.observability.counters import Counters
from mlserve.observability.metrics.catalogue import COUNTERS
from mlserve.observability.metrics.measures import Measures, outcome_of

LINE: Any = SimpleNamespace(model="line", version=3)


def test_a_prediction_is_refused_for_what_the_caller_sent_and_failed_otherwise() -> None:
    found = [
        outcome_of(error) for error in (Invalid(""), PredictionFailed(""), LogUnavailable(""), ZeroDivisionError())
    ]
    assert found == ["refused", "failed", "failed", "failed"]


def test_an_error_of_a_plugin_s_own_is_a_failure_as_it_is_answered() -> None:
    class Strange(MlserveError):
        code = "strange"

    assert outcome_of(Strange("")) == "failed"


def test_requests_are_counted_by_method_and_status_and_timed_by_route() -> None:
    measures = Measures()
    measures.request("/a", "GET", "200", 400_000)
    measures.request("/a", "PROPFIND", "405", 20_000_000_000)
    read = measures.read()
    assert read.counters["mlserve_http_requests_total"] == [(("/a", "GET", "200"), 1), (("/a", "other", "405"), 1)]
    series = read.histograms["mlserve_http_request_duration_seconds"].series
    assert [(it.labels, it.counts[0], it.counts[-1], it.total) for it in series] == [
        (("/a",), 1, 0, 0.0004),
        (("/a",), 0, 1, 20.0),
    ]


def test_predictions_begin_at_0_and_only_answered_ones_have_instances() -> None:
    measures = Measures()
    measures.expect(LINE)
    read = measures.read()
    assert read.counters["mlserve_prediction_instances_total"] == [(("line", "3"), 0)]
    series = read.histograms["mlserve_prediction_duration_seconds"].series
    assert [(it.labels[2], sum(it.counts)) for it in series] == [("ok", 0), ("refused", 0), ("failed", 0)]
    measures.prediction(LINE, "ok", 1000, 5)
    measures.prediction(LINE, "refused", 1000)
    read = measures.read()
    assert read.counters["mlserve_prediction_instances_total"] == [(("line", "3"), 5)]
    counts = {it.labels[2]: sum(it.counts) for it in read.histograms["mlserve_prediction_duration_seconds"].series}
    assert counts == {"ok": 1, "refused": 1, "failed": 0}


def test_plain_counters_are_there_from_0_and_what_was_before_the_start_is_left_out() -> None:
    counters = Counters()
    counters.add("log_drops", 7)
    measures = Measures(counters)
    counters.add("log_drops", 2)
    counters.add("plugin_of_mine.rows read")
    read = measures.read().counters
    assert read["mlserve_log_drops_total"] == [((), 2)]
    assert read["mlserve_plugin_of_mine_rows_read_total"] == [((), 1)]
    assert {f"mlserve_{name}_total" for name in COUNTERS} <= read.keys()
