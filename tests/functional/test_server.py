"""`[server:main] use = egg:pyramid-mlserve#waitress`, in a process of its own: its loop holds nobody up."""

import json
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.factories import linear_model, settings_of, until
from tests.functional import servers, test_development
from tests.functional.loads import Ledger, Load
from tests.functional.servers import PATIENCE, Client, Server, served
from tests.functional.test_termination import backlog, predict


@pytest.fixture(autouse=True)
def our_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert servers._INI.count("egg:waitress#main") == 1
    monkeypatch.setattr(servers, "_INI", servers._INI.replace("egg:waitress#main", "egg:pyramid-mlserve#waitress"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(one, marks=pytest.mark.exhaustive) for one in (signal.SIGHUP, signal.SIGINT))],
)
def test_under_load_every_answer_is_kept_and_every_kept_one_answered(tmp_path: Path, number: signal.Signals) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="process", shipper__batch="50")
    ledger = Ledger()
    with served(tmp_path / "server.ini", settings) as server, Load(server, ledger, clients=6):
        ledger.wait(lambda known: len(known.answered) >= 500)
        server.terminate(number)
        assert server.ended() == 0
        assert not [line for line in server.lines if '"level":"error"' in line or "Traceback" in line]
    assert not ledger.refused
    url, spool = f"sqlite:///{tmp_path}/var/mlserve.db", tmp_path / "var" / "spool"
    assert not backlog(url, spool)
    assert ledger.check(url, spool) == 0


@pytest.mark.slow
def test_a_model_that_waits_holds_up_nobody_and_those_behind_it_are_answered_at_the_end(tmp_path: Path) -> None:
    """All threads wait at a gate; more requests wait for a thread. The loop goes on, with what has earned it."""
    gate = tmp_path / "gate"
    gate.mkdir()
    slow = tmp_path / "slow.gated"
    slow.write_text(json.dumps({"folder": str(gate)}))
    settings = settings_of(tmp_path, models={"slow": slow, "line": linear_model(tmp_path)}, log__way="process")
    settings["mlserve.plugins"] = "mlserve_gated mlserve_linear"
    with served(tmp_path / "server.ini", settings, threads=2) as server, ThreadPoolExecutor() as pool:
        address = server.address
        body = {"instances": [{"x": 1, "y": 1}]}
        for _ in range(20):  # `line` earns the loop
            assert server.call("POST", "/api/v1/models/line/predictions", body).status == 200
        one = pool.submit(predict, address, "slow", [{"x": 1}])
        until(lambda: len(list(gate.glob("entered-*"))) == 1)
        assert server.call("GET", "/health/live").status == 200
        others = [pool.submit(predict, address, "slow", [{"x": x}]) for x in (2, 3, 4)]
        until(lambda: len(list(gate.glob("entered-*"))) == 2)
        client = Client(address, patience=5)
        assert client.call("POST", "/api/v1/models/line/predictions", body).status == 200
        client.close()
        server.terminate()
        (gate / "open").touch()
        told = [future.result() for future in (one, *others)]
        assert server.ended() == 0
    assert [answer.status for answer in told] == [200] * 4


@pytest.mark.exhaustive
@pytest.mark.slow
def test_an_edit_is_served_under_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ini = test_development.INI.replace("egg:waitress#main", "egg:pyramid-mlserve#waitress")
    monkeypatch.setattr(test_development, "INI", ini)
    workshop = test_development.Workshop(tmp_path)
    with workshop.pserve("--reload") as monitor:
        for _ in range(10):  # The loop answers by now.
            assert workshop.predicts("one") == 20.0
        workshop.edit(lambda: workshop.write_plugin(3), lambda: workshop.predicts("one") == 30.0)
        children = monitor.children(recursive=True)
        monitor.terminate()
        monitor.wait(PATIENCE)
        assert not [child for child in children if child.is_running()]
    assert "Traceback" not in (workshop.folder / "out").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("told", [True, False])
def test_the_form_is_taken_behind_a_proxy_that_writes_another_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """`told` as the how-to says it; the proxy's client is a browser on https://ml.example."""
    (proxy,) = (block.text for block in blocks("docs/howto/run-in-production.md", "ini") if block.tag == "proxy")
    use = "use = egg:pyramid-mlserve#waitress\n"
    if told:
        monkeypatch.setattr(servers, "_INI", servers._INI.replace(use, proxy.removeprefix("[server:main]\n")))
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    forwarded = {"Accept": "text/html", "X-Forwarded-Host": "ml.example", "X-Forwarded-Proto": "https"}
    with served(tmp_path / "server.ini", settings) as server:
        page = server.call("GET", "/models/line", headers=forwarded)
        cookie, _, attributes = page.headers["Set-Cookie"].partition(";")
        assert ("secure" in attributes) == told
        (token,) = set(re.findall(r'name="csrf_token" value="(\w+)"', page.body.decode()))
        browser = {
            "Cookie": cookie,
            "Origin": "https://ml.example",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        client = HTTPConnection(*server.address, timeout=PATIENCE)
        client.request("POST", "/models/line", f"csrf_token={token}&f0=1&f1=2", forwarded | browser)
        answer = client.getresponse()
        said = answer.read().decode()
        client.close()
    assert (answer.status == 200) == told, said
    assert ("another site" in said) == (not told)


def test_a_port_in_use_ends_the_start_with_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="process")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(servers, "_INI", servers._INI.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        with Server(tmp_path / "server.ini", settings) as server:
            assert server.launch().ended() == 1
            assert server.wait_for("mlserve cannot start: ").startswith(
                f"mlserve cannot start: 127.0.0.1:{port} is in use: stop the other server, or write another port"
            )
            assert "Traceback" not in "\n".join(server.lines)
