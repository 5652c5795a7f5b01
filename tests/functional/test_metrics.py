"""/metrics tells of all processes of a host, in a form that Prometheus takes, and its counters never fall."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pyramid.config import Configurator
from webtest import TestApp

from mlserve.errors import DatabaseUnavailable
from mlserve.observability.metrics.catalogue import METRICS, core_counters
from mlserve.observability.metrics.gauges import read_gauges
from mlserve.server.workers.refusal import refusing
from tests.docs.pages import blocks
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.prometheus import PROMETHEUS, Prometheus
from tests.functional.servers import Server
from tests.functional.test_alerts import rules
from tests.tools import tool
from tests.unit.webhooks.receiver import hook_settings, receiving

COUNT = "mlserve_prediction_duration_seconds_count"
REQUESTS = "mlserve_http_requests_total"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    models = {"line": linear_model(tmp_path), "fails": linear_model(tmp_path, "fails", fail=1.0)}
    return settings_of(tmp_path, models=models, log__way="process", health__interval="20ms", metrics__interval="20ms")


@pytest.fixture
def app(settings: dict[str, str]) -> Iterator[Served]:
    with serving(settings) as app:
        yield app


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The value of each sample by its name and the values of its labels, sorted by their names."""
    families = text_string_to_metric_families(text)
    return {
        (it.name, *(value for _, value in sorted(it.labels.items()))): it.value
        for family in families
        for it in family.samples
    }


def told(app: Any) -> dict[tuple[str, ...], float]:
    return samples(app.get("/metrics").text)


def test_predictions_are_measured_by_model_version_and_outcome(app: Served) -> None:
    before = told(app)
    assert before[COUNT, "line", "ok", "1"] == before["mlserve_prediction_instances_total", "line", "1"] == 0
    assert before[COUNT, "fails", "failed", "1"] == before[COUNT, "line", "refused", "1"] == 0
    for _ in range(3):
        app.predict("line", [[1, 2], [3, 4]])
    app.predict("line", [{}], status=422)
    app.post_json("/api/v1/models/line/predictions", {"rows": []}, status=422)
    app.predict("fails", [[1]], status=500)
    for _ in range(2):
        app.post_json("/api/v1/models/line/predictions", {"instances": [[1, 2]]}, headers={"Idempotency-Key": "k"})
    after = told(app)
    assert after[COUNT, "line", "ok", "1"] == 4
    assert after[COUNT, "line", "refused", "1"] == 2
    assert after[COUNT, "line", "replayed", "1"] == 1
    assert after[COUNT, "fails", "failed", "1"] == 1
    assert after["mlserve_prediction_instances_total", "line", "1"] == 7


def test_explanations_are_measured(app: Served) -> None:
    app.post_json("/api/v1/models/line/explanations", {"instances": [[1, 2]]})
    app.post_json("/api/v1/models/line/explanations", {"instances": [[1]]}, status=422)
    found = told(app)
    name = "mlserve_explanation_duration_seconds_count"
    assert (found[name, "line", "ok", "1"], found[name, "line", "refused", "1"]) == (1, 1)
    assert found[COUNT, "line", "ok", "1"] == 0


def test_what_answers_through_request_serving_is_measured_once(app: Served) -> None:
    """As a protocol plugin does."""
    from mlserve.predictions.service import Asked

    serving, loaded = app.application.serving, app.application.live.get("line").loaded()
    batch = loaded.decoder.decode(b"[[1,2],[3,4]]", None)
    serving.serve(loaded, batch, Asked())
    assert told(app)[COUNT, "line", "ok", "1"] == 1
    assert told(app)["mlserve_prediction_instances_total", "line", "1"] == 2


def test_what_a_worker_has_no_room_for_is_measured_without_a_route(app: Served) -> None:
    """As the page on metrics says: it is how one sees overload."""
    TestApp(refusing(app.app.registry)).post("/api/v1/models/line/predictions", status=503)
    assert told(app)[REQUESTS, "POST", "none", "503"] == 1


def test_requests_are_measured_by_route_and_no_name_that_a_caller_made_up_is_told(app: Served) -> None:
    app.predict("line", [[1, 2]])
    app.predict("made-up-model", [[1, 2]], status=404)
    app.get("/api/v1/models/line/predictions/made-up-id", status="*")
    app.get("/made-up", status=404)
    app.request("/api/v1/models", method="TRACE", status="*")
    text = app.get("/metrics").text
    found = samples(text)
    route = "/api/v1/models/{model}/predictions"
    assert found[REQUESTS, "POST", route, "200"] == 1
    assert found[REQUESTS, "GET", "none", "404"] == 1
    assert found[REQUESTS, "other", "/api/v1/models", "405"] == 1
    assert found["mlserve_http_request_duration_seconds_count", route] == 1
    assert "made-up" not in text
    assert "TRACE" not in text


def test_each_loaded_version_is_told_and_whether_it_is_the_champion(app: Served) -> None:
    model = app.application.live.get("line")
    second = replace(model.loaded(), lineage=replace(model.loaded().lineage, version=2))
    app.application.live.put(replace(model, aliases={"challenger": second, "shadow": second, "last": model.loaded()}))
    found = read_gauges(app.application)["mlserve_loaded_versions"]
    assert sorted((labels[1], labels[-1], value) for labels, value in found if labels[0] == "line") == [
        ("1", "yes", 1.0),
        ("2", "no", 1.0),
    ]
    app.application.live.put(model)


def test_models_health_and_spool_are_told(app: Served) -> None:
    (line,) = (key for key in told(app) if key[0] == "mlserve_loaded_versions" and "line" in key)
    digest = app.application.live.get("line").loaded().lineage.digest
    assert line == ("mlserve_loaded_versions", "yes", digest, "exact", "linear", "line", "1")
    assert told(app)["mlserve_model_state", "line", "ready"] == 1
    until(lambda: told(app).get(("mlserve_health_check", "shipper", "ok")) == 1)
    until(lambda: told(app)["mlserve_ready",] == told(app)["mlserve_workers",] == 1)
    app.predict("line", [[1, 2]])
    until(lambda: told(app)["mlserve_records_shipped_total",] == 1)
    until(lambda: told(app)["mlserve_spool_backlog_records",] == 0)
    assert told(app)["mlserve_process_resident_memory_bytes",] > 10e6
    assert told(app)["mlserve_process_cpu_seconds_total",] > 0


def test_every_metric_of_the_catalogue_has_a_value_on_a_running_server(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with receiving() as receiver, serving({**settings, **hook_settings(tmp_path, receiver)}) as app:
        app.predict("line", [[1, 2]])
        app.post_json("/api/v1/models/line/explanations", {"instances": [[1, 2]]})
        names = {metric.name for metric in (*METRICS, *core_counters())}
        until(lambda: names <= {re.sub(r"_(count|sum|bucket)$", "", key[0]) for key in told(app)})


def test_a_plugin_s_own_counters_are_told(app: Served) -> None:
    app.application.counters.add("plugin_rows_read", 3)
    assert told(app)["mlserve_plugin_rows_read_total",] == 3


@pytest.mark.parametrize("shown", [{"lag_seconds": None}, {"backlog_records": 9e9}, None])
def test_nothing_that_a_plugin_s_check_shows_stops_or_changes_what_is_told(
    settings: dict[str, str], shown: Any
) -> None:
    with serving(settings, lambda config: config.add_health_check("feed", lambda: shown)) as app:
        until(lambda: told(app).get(("mlserve_health_check", "feed", "unknown")) == 0)
        app.predict("line", [[1, 2]])
        until(lambda: told(app).get(("mlserve_records_shipped_total",)) == 1)
        until(lambda: told(app).get(("mlserve_spool_backlog_records",)) == 0)
        assert {"metrics", "health-feed"} <= {thread.name for thread in threading.enumerate()}
        assert app.get("/health/ready", status="*").json["checks"]["feed"]["state"] == ("ok" if shown else "failed")


def test_a_scrape_asks_no_database(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise DatabaseUnavailable("gone")

    app.get("/metrics")
    monkeypatch.setattr(
        app.application, "database", type("Gone", (), {"read": refuse, "write": refuse, "close": refuse})()
    )
    assert told(app)["mlserve_workers",] == 1


def test_it_is_read_only_and_answers_head(app: Served) -> None:
    head = app.head("/metrics")
    assert head.content_type == "text/plain"
    assert head.body == b""
    assert app.post("/metrics", status=405).headers["Allow"] == "GET, HEAD"


def test_counters_go_on_after_a_restart_and_gauges_do_not(settings: dict[str, str]) -> None:
    for turn in range(3):
        with serving(settings) as app:
            assert told(app)[COUNT, "line", "ok", "1"] == turn
            app.predict("line", [[1, 2]])
            assert told(app)["mlserve_workers",] == 1


def test_a_second_start_in_the_same_process_counts_nothing_twice(settings: dict[str, str]) -> None:
    with serving(settings) as app:
        app.predict("line", [[1, 2]])
        app.application.counters.add("log_drops")
        app.application.stop()
        app.application.start()
        found = told(app)
    assert (found[COUNT, "line", "ok", "1"], found["mlserve_log_drops_total",]) == (1, 1)


def test_a_scrape_after_the_stop_counts_nothing_twice_and_takes_nobody_s_slot(settings: dict[str, str]) -> None:
    """An application that stopped inside another is scraped on."""
    with serving(settings) as stopped:
        stopped.predict("line", [[1, 2]])
    assert told(stopped)[COUNT, "line", "ok", "1"] == 1
    with serving(settings) as app:
        for _ in range(9):
            app.predict("line", [[1, 2]])
        assert told(app)[COUNT, "line", "ok", "1"] == 10
        assert told(stopped)[COUNT, "line", "ok", "1"] == 10
    with serving(settings) as app:
        assert told(app)[COUNT, "line", "ok", "1"] == 10


def test_a_damaged_slot_stops_neither_start_nor_scrape(settings: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "var" / "metrics"
    folder.mkdir(parents=True)
    (folder / "slot-0.json").write_bytes(os.urandom(100))
    (folder / "slot-5.json").write_bytes(b'{"somebody":"else"}')
    with serving(settings) as app:
        app.predict("line", [[1, 2]])
        assert told(app)[COUNT, "line", "ok", "1"] == 1
    assert {path.name for path in folder.glob("*.damaged")} == {"slot-0.damaged", "slot-5.damaged"}


def test_embedded_it_stands_behind_the_prefix_and_measures_only_what_is_ours(settings: dict[str, str]) -> None:
    config = Configurator(settings=settings)
    config.add_route("home", "/")
    config.add_view(lambda request: request.response, route_name="home")
    config.include("mlserve", route_prefix="ml")
    wsgi = config.make_wsgi_app()
    app = TestApp(wsgi)
    try:
        app.get("/")
        app.get("/ml/health/live")
        found = samples(app.get("/ml/metrics").text)
        assert found[REQUESTS, "GET", "/ml/health/live", "200"] == 1
        assert {key[2] for key in found if key[0] == REQUESTS} == {"/ml/health/live"}
        assert app.get("/ml/metrics").headers["X-Request-Id"]
        assert app.get("/metrics", status=404).content_type != "application/problem+json"
    finally:
        wsgi.registry.mlserve.stop()


def test_measuring_adds_no_listener_to_a_request(app: Served) -> None:
    assert not app.app.registry.has_listeners


def test_a_child_of_a_started_process_has_a_slot_of_its_own(settings: dict[str, str], tmp_path: Path) -> None:
    config = Configurator(settings=settings)
    config.include("mlserve")
    wsgi = config.make_wsgi_app()
    app = TestApp(wsgi)
    app.post_json("/api/v1/models/line/predictions", {"instances": [[1, 2]]})
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the child may reach the test runner.
        try:
            app.post_json("/api/v1/models/line/predictions", {"instances": [[1, 2]]})
            found = samples(app.get("/metrics").text)
            os.write(writer, json.dumps([found[COUNT, "line", "ok", "1"], found["mlserve_workers",]]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert json.load(answer) == [2, 2]
    os.waitpid(child, 0)
    found = samples(app.get("/metrics").text)
    assert (found[COUNT, "line", "ok", "1"], found["mlserve_workers",]) == (2, 1)
    wsgi.registry.mlserve.stop()


def test_no_request_of_many_threads_is_lost(app: Served) -> None:
    def work() -> None:
        client = TestApp(app.app)
        for _ in range(50):
            client.post_json("/api/v1/models/line/predictions", {"instances": [[1, 2]]})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(app)[COUNT, "line", "ok", "1"] == 200
    assert told(app)[REQUESTS, "POST", "/api/v1/models/{model}/predictions", "200"] == 200


def test_promtool_has_nothing_to_say(app: Served) -> None:
    app.predict("line", [[1, 2]])
    app.application.counters.add("plugin_rows_read")
    text = app.get("/metrics").body
    checked = subprocess.run([tool("promtool"), "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


class Two:
    """Two servers that share their folder, and a Prometheus that scrapes both."""

    def __init__(self, settings: dict[str, str], folder: Path, prometheus: Prometheus) -> None:
        self.servers = {name: Server(folder / f"{name}.ini", settings) for name in "ab"}
        self._prometheus = prometheus

    def start(self, *names: str) -> None:
        for name in names:
            self.servers[name].start()
        self._prometheus.scrape({name: server.address for name, server in self.servers.items()})

    def counted(self) -> dict[str, float]:
        """The answered predictions that each server tells of, as Prometheus has scraped it last."""
        found = self._prometheus.query(f'sum by (instance) ({COUNT}{{model="line",status="ok"}})')
        return {name: value for (name,), value in found.items()}

    def loaded(self, ledger: Ledger, more: int, *, kill: str = "") -> None:
        """Put both under load until so many more are answered; then perhaps kill one before it stops."""
        enough = len(ledger.answered) + more
        loads = [Load(server, ledger, clients=2, seed=more) for server in self.servers.values()]
        with loads[0], loads[1]:
            ledger.wait(lambda known: len(known.answered) >= enough)
            if kill:
                self.servers[kill].kill()


@pytest.mark.slow
def test_prometheus_sees_every_answered_prediction_and_no_counter_fall(
    settings: dict[str, str], tmp_path: Path
) -> None:
    ledger = Ledger()
    with receiving() as receiver, Prometheus(tmp_path) as prometheus:
        two = Two({**settings, **hook_settings(tmp_path, receiver)}, tmp_path, prometheus)
        with two.servers["a"], two.servers["b"]:
            two.start("a", "b")
            two.loaded(ledger, 100)
            sent = len(ledger.answered)
            until(lambda: two.counted() == {"a": sent, "b": sent})
            # Killed when its last interval is written, it loses nothing of what it counted.
            two.servers["a"].kill()
            two.start("a")
            two.loaded(ledger, 100)
            sent = len(ledger.answered)
            until(lambda: two.counted() == {"a": sent, "b": sent})
            # Killed under load, the predictions of one interval may be missing, and no counter falls.
            for _ in range(2):
                two.loaded(ledger, 150, kill="a")
                two.start("a")
            until(lambda: len(set(two.counted().values())) == 1)
            assert sent < two.counted()["b"] <= len(ledger.answered) + ledger.broken
            assert two.counted()["b"] > len(ledger.answered) - 200
            names = prometheus.ask("label/__name__/values")
            counters = [name for name in names if re.fullmatch(r"mlserve_.+_(total|count|sum|bucket)", name)]
            assert {COUNT, REQUESTS, "mlserve_process_cpu_seconds_total"} <= set(counters)
            for name in counters:
                assert prometheus.query(f"resets({name}[1h]) > 0") == {}, name
            expressions_hold(prometheus)
    assert not ledger.refused


def expressions_hold(prometheus: Prometheus) -> None:
    """Every expression of alerts, dashboard and how-to is evaluated, and names metrics that were scraped."""
    names = set(prometheus.ask("label/__name__/values"))
    asked = [block.text for block in blocks("docs/howto/monitor-with-prometheus.md", "promql")]
    for expression in [*(rule["expr"] for rule in rules()), *dashboard_expressions(), *asked]:
        prometheus.query(expression)
        assert set(re.findall(r"\bmlserve_\w+", expression)) <= names, expression
    groups = prometheus.ask("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}


def dashboard_expressions() -> list[str]:
    dashboard = json.loads((PROMETHEUS / "grafana-dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    values = {"$__rate_interval": "1m", "$instance": ".*", "$model": ".*"}
    for variable, value in values.items():
        found = [expression.replace(variable, value) for expression in found]
    assert not any("$" in expression for expression in found)
    return found


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard = json.loads((PROMETHEUS / "grafana-dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert {"Traffic", "Latency", "Errors", "Spool", "Models", "Workers"} <= {
        panel["title"] for panel in dashboard["panels"]
    }
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert "datasource" in [variable["name"] for variable in dashboard["templating"]["list"]]
    for panel in panels:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["title"]
        assert panel["description"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    taken = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
