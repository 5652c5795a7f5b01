"""Each alert of the documentation fires when it should, is quiet when it should, and says what to do."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.pages import blocks, prose
from tests.functional.prometheus import PROMETHEUS
from tests.tools import tool

pytestmark = pytest.mark.slow

Series = dict[str, str]
HOWTO = "docs/howto/monitor-with-prometheus.md"
COUNT = "mlserve_prediction_duration_seconds_count"
BUCKET = "mlserve_prediction_duration_seconds_bucket"
REQUESTS = "mlserve_http_requests_total"
ATTEMPTS = "mlserve_webhook_attempt_duration_seconds_count"


def predictions(**statuses: int | str) -> Series:
    """Predictions of the model `m` by status: how many a minute, or all values."""
    return {
        f'{COUNT}{{model="m",version="1",status="{name}"}}': n if isinstance(n, str) else f"0+{n}x120"
        for name, n in statuses.items()
    }


def requests(**statuses: int | str) -> Series:
    """Requests by status: how many a minute, or all values."""
    return {
        f'{REQUESTS}{{route="/a",method="POST",status="{name[1:]}"}}': n if isinstance(n, str) else f"0+{n}x120"
        for name, n in statuses.items()
    }


def times(below_half: int, above: int) -> Series:
    total = below_half + above
    return {
        f'{BUCKET}{{model="m",version="1",status="ok",le="{le}"}}': f"0+{n}x120"
        for le, n in (("0.5", below_half), ("1.0", total), ("+Inf", total))
    }


def loaded(model: str, version: int, champion: str) -> str:
    return f'mlserve_loaded_versions{{model="{model}",version="{version}",champion="{champion}"}}'


def webhook(due: str, *, delivered: str = "0x120", failed: str = "0x120", host: str = "a") -> Series:
    """One webhook: what is due, and attempts by outcome; without them it is disabled, and tried no more."""
    labels = f'webhook="w",host="{host}"'
    return {
        f"mlserve_webhook_due_deliveries{{{labels}}}": due,
        f'{ATTEMPTS}{{{labels},outcome="delivered"}}': delivered,
        f'{ATTEMPTS}{{{labels},outcome="failed"}}': failed,
    }


def check(state: str) -> Series:
    return {
        f'mlserve_health_check{{check="log",state="{name}"}}': f"{int(name == state)}x120"
        for name in ("ok", "degraded", "failed", "stale", "unknown")
    }


# By alert: the series, one value a minute, for which it fires within two hours, and some for which it does not.
CASES: dict[str, tuple[Series, Series]] = {
    "MlserveDown": ({'up{job="mlserve"}': "0x120"}, {'up{job="mlserve"}': "1x120", 'up{job="other"}': "0x120"}),
    "MlserveNotReady": (
        {"mlserve_ready": "1x120", "mlserve_workers": "2x120"},
        {"mlserve_ready": "2x120", "mlserve_workers": "2x120"},
    ),
    "MlserveErrors": (requests(_200=96, _503=4), requests(_200=99, _503=1, _404=50)),
    "MlservePredictionsFail": (predictions(ok=98, failed=2), predictions(ok=1000, failed=1, refused=500)),
    "MlservePredictionsRefused": (predictions(ok=70, refused=30), predictions(ok=90, refused=10)),
    "MlserveSlow": (times(98, 2), times(1000, 1)),
    "MlserveModelNotLoaded": (
        {'mlserve_model_state{model="m",state="failed"}': "1x120"},
        {'mlserve_model_state{model="m",state="failed"}': "0x120", 'mlserve_model_state{state="ready"}': "2x120"},
    ),
    "MlserveVersionsDiffer": (
        {loaded("m", number, "yes"): "1x120" for number in (1, 2)},
        {loaded("m", 1, "yes"): "2x120", loaded("n", 1, "yes"): "2x120", loaded("m", 2, "no"): "2x120"},
    ),
    "MlserveHealthCheckFailed": (check("stale"), check("degraded")),
    "MlserveHealthCheckDegraded": (check("degraded"), check("ok")),
    "MlserveSpoolGrows": (
        {"mlserve_spool_backlog_records": "0+100x120"},
        {"mlserve_spool_backlog_records": "9000-50x120"},
    ),
    "MlserveSpoolLags": ({"mlserve_spool_lag_seconds": "0+60x120"}, {"mlserve_spool_lag_seconds": "20x120"}),
    "MlserveRecordsSetAside": (
        {"mlserve_spool_set_aside_records": "0x100 1x20"},
        {"mlserve_spool_set_aside_records": "0x120"},
    ),
    "MlserveSpoolDamaged": ({"mlserve_spool_damaged_total": "0x100 1x20"}, {"mlserve_spool_damaged_total": "7x120"}),
    "MlserveLogDrops": ({"mlserve_log_drops_total": "0x115 3x5"}, {"mlserve_log_drops_total": "3x120"}),
    "MlserveWebhookFails": (webhook(due="3x120", failed="0+1x120"), webhook(due="3x120", delivered="0+1x120")),
    "MlserveNoPredictions": (predictions(ok=0), predictions(ok=1)),
    "MlserveAbsent": ({"up": "1x120"}, {"mlserve_workers": "1x120"}),
}

# They know no instance, and so are tested alone.
OF_ALL_INSTANCES = ("MlserveWebhookFails", "MlserveAbsent")


def of_instance(series: str, number: int) -> str:
    name, brace, labels = series.partition("{")
    return f'{name}{{instance="{number}"{"," + labels if brace else "}"}'


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_promtool_accepts_the_rules() -> None:
    checked = subprocess.run([tool("promtool"), "check", "rules", "alerts.yml"], cwd=PROMETHEUS, capture_output=True)
    assert checked.returncode == 0, checked.stderr.decode()


def test_every_alert_has_its_cases_and_says_how_bad_what_and_what_to_do() -> None:
    assert [rule["alert"] for rule in rules()] == list(CASES)
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert {"summary", "description"} == set(rule["annotations"])


def test_the_howto_names_every_alert_and_no_other() -> None:
    said = re.findall(r"`(Mlserve\w+)`", prose(HOWTO))
    assert said == list(CASES)


def test_promtool_accepts_the_configuration_of_the_howto(tmp_path: Path) -> None:
    (block,) = blocks(HOWTO, "yaml")
    (tmp_path / "prometheus.yml").write_text(block.text)
    (tmp_path / "alerts.yml").write_bytes((PROMETHEUS / "alerts.yml").read_bytes())
    command = [tool("promtool"), "check", "config", "prometheus.yml"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert checked.returncode == 0, checked.stderr.decode()


def test_every_alert_fires_and_is_quiet(tmp_path: Path) -> None:
    cases = [
        (alert, series, fires)
        for alert, both in CASES.items()
        for series, fires in zip(both, (True, False), strict=True)
        if alert not in OF_ALL_INSTANCES
    ]
    hold(tmp_path, cases)
    for alert in OF_ALL_INSTANCES:
        for series, fires in zip(CASES[alert], (True, False), strict=True):
            hold(tmp_path, [(alert, series, fires)])


def test_the_first_failures_of_a_model_that_is_seldom_asked_raise_the_alert(tmp_path: Path) -> None:
    """They are seen since the series begins at 0: one that begins with them has no increase."""
    seen, unseen = (predictions(ok="0x120", failed=values) for values in ("0x110 5x10", "_x110 5x10"))
    hold(tmp_path, [("MlservePredictionsFail", seen, True), ("MlservePredictionsFail", unseen, False)])


def test_the_first_failure_of_a_route_counts(tmp_path: Path) -> None:
    """Its series begins at 1, and so has no increase."""
    cases = [
        (requests(_200="0+1x120", _503="_x110 1x10"), True),  # One of ten in its window.
        (requests(_503="_x110 1x10"), True),
        (requests(_200="0+100x120", _503="_x110 1x10"), False),  # One of a thousand.
        (requests(_200="0+1x120", _503="_x90 1x30"), False),  # Long ago.
        (requests(_200="_x110 1000+100x10", _503="_x110 1x10"), False),  # Of a server that was not scraped before.
    ]
    hold(tmp_path, [("MlserveErrors", series, fires) for series, fires in cases])


def test_a_webhook_that_no_server_reaches_or_that_is_disabled_raises_the_alert(tmp_path: Path) -> None:
    cases = [
        (webhook(due="2x120"), True),
        (webhook(due="2x100 0 2x18", failed="0+1x120"), False),  # In between, all had gone through.
        (webhook(due="0x100 1x20", failed="0x100 1x20"), False),  # For twenty minutes.
        # One server delivers; the other one sees the same events due.
        (webhook(due="2x120") | webhook(due="2x120", delivered="0+1x120", host="b"), False),
        (webhook(due="2x120") | webhook(due="2x120", failed="0+1x120", host="b"), True),
    ]
    for series, fires in cases:
        hold(tmp_path, [("MlserveWebhookFails", series, fires)])


def hold(folder: Path, cases: list[tuple[str, Series, bool]]) -> None:
    """Whether each alert fires after two hours of its series; the series of each case are of an instance of its own."""
    test = {
        "interval": "1m",
        "input_series": [
            {"series": of_instance(name, number), "values": values}
            for number, (_, series, _) in enumerate(cases)
            for name, values in series.items()
        ],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing",instance=~"{number}|"}})',
                "eval_time": "119m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for number, (alert, _, fires) in enumerate(cases)
        ],
    }
    file = {"rule_files": [str(PROMETHEUS / "alerts.yml")], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yml").write_text(json.dumps(file))
    found = subprocess.run([tool("promtool"), "test", "rules", "test.yml"], cwd=folder, capture_output=True)
    assert found.returncode == 0, (found.stdout + found.stderr).decode()
