"""`mlserve shell`: on a real terminal and with `-c`, alone and beside a running server."""

import importlib
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mlserve.cli import main
from mlserve.cli.shell import NAMES, looked_at
from tests.factories import linear_model, settings_of
from tests.functional.servers import PACKAGES, PATIENCE, Server, served

MLSERVE = Path(sys.executable).with_name("mlserve")


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way="process")
    path = tmp_path / "shell.ini"
    path.write_text("\n".join(["[app:main]", "use = egg:pyramid-mlserve", *map(" = ".join, settings.items())]))
    return path


def run(ini: Path, code: str, status: int = 0) -> Result:
    done = CliRunner().invoke(main, ["shell", str(ini), "-c", code])
    assert done.exit_code == status, done.output
    return done


class Terminal:
    """A shell on a pseudo-terminal, as a person has it."""

    def __init__(self, ini: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(PACKAGES), "TERM": "dumb"}
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [MLSERVE, "shell", ini], stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
        )
        os.close(slave)
        self.said = ""

    def until(self, prompt: str = ">>> ") -> str:
        """What was said up to the next prompt."""
        start, deadline = len(self.said), time.monotonic() + PATIENCE
        while prompt not in self.said[start:]:
            assert select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))[0], self.said
            self.said += os.read(self._master, 4096).decode().replace("\a", "")  # A completion rings the bell.
        return self.said[start:].replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def ask(self, line: str) -> str:
        """The answer to a line, without its echo and the prompt."""
        self.type(line + "\n")
        return self.until().partition("\n")[2].removesuffix(">>> ").strip()

    def leave(self) -> int:
        self.type("\x04")  # Control-D on an empty line
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        os.close(self._master)


def counted(server: Server) -> dict[str, float]:
    """What the server tells of workers and of predicted instances."""
    text = server.call("GET", "/metrics").body.decode()
    found = re.findall(r"^(mlserve_(?:workers|prediction_instances_total))\S* (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


@contextmanager
def terminal(ini: Path) -> Iterator[Terminal]:
    shell = Terminal(ini)
    try:
        yield shell
    finally:
        shell.close()


def test_the_banner_lists_every_name_and_each_is_there(ini: Path) -> None:
    with terminal(ini) as shell:
        banner = shell.until()
        for name in NAMES:
            assert f"\n  {name} " in banner
        assert "models: line" in banner
        names = [name for pair in NAMES for name in pair.split(", ")]
        assert shell.ask(f"len([{', '.join(names)}])") == str(len(names))
        assert shell.leave() == 0


def test_a_person_looks_at_a_model_asks_it_and_completes_names(ini: Path) -> None:
    with terminal(ini) as shell:
        shell.until()
        assert shell.ask("models") == "line: linear, version 1, ready"
        assert shell.ask('predict("line", x=1.5, y=2)') == "{'value': 2.0}"
        shell.type("session.scal\t")
        assert "session.scalar" in shell.until("session.scalar")
        shell.type("s(select(tables.models.c.name)).all()\n")
        assert "['line']" in shell.until()
        assert "y: expected" in shell.ask('predict("line", x=1.5)')
        assert shell.leave() == 0


def test_code_runs_and_its_failure_is_the_exit_status(ini: Path) -> None:
    assert run(
        ini, "print(request.registry.mlserve is application, request.mlserve.live is application.live)"
    ).stdout == ("True True\n")
    failed = run(ini, "1/0", status=1)
    assert "ZeroDivisionError" in failed.stderr
    assert run(ini, "raise SystemExit(7)", status=7).output == ""


def test_the_application_is_asked_by_a_request(ini: Path) -> None:
    ask = 'Request.blank("/api/v1/models/line").get_response(app).json["name"]'
    assert run(ini, f"print({ask})").stdout == "line\n"


def test_what_the_models_hold_does_not_fill_the_screen(ini: Path) -> None:
    done = run(ini, 'print(models["line"]); print(models["line"].champion)')
    assert done.stdout.splitlines() == [
        "<LiveModel line: linear, version 1, ready>",
        "<LoadedVersion line version 1: linear, exact>",
    ]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ('predict("line", x="a", y=1)', ["x: expected", "number"]),
        ('predict("nope")', ["There is no model 'nope' here.", "models: line"]),
        ('models["nope"]', ["KeyError: 'nope'", "models: line"]),
    ],
)
def test_a_refused_prediction_is_a_sentence_and_not_the_way_through_the_server(
    ini: Path, asked: str, says: list[str]
) -> None:
    said = run(ini, asked, status=1).stderr
    assert all(words in said for words in says), said
    assert re.findall(r'File "([^"]+)"', said)[0] == "<-c>"
    assert said.count("  File ") == 2  # the caller's line and the shell's


def test_tables_are_found_by_name_and_a_plugin_s_too(ini: Path) -> None:
    done = run(ini, 'print(tables); print(tables["predictions"] is tables.predictions, *tables)')
    names = ["predictions", "actuals", "models", "versions", "linear_contributions"]
    assert done.stdout.splitlines() == [", ".join(names), " ".join(["True", *names])]


def test_its_predictions_are_not_kept_whatever_the_ini_says(ini: Path) -> None:
    count = "session.scalar(select(func.count()).select_from(tables.predictions))"
    post = (
        "from webtest import TestApp; "
        "print(TestApp(app).post_json('/api/v1/models/line/predictions', {'instances': [[1, 1]]}).json['outputs'])"
    )
    done = run(ini, f"{post}; predict('line', x=1, y=1); print({count})")
    assert done.stdout.splitlines() == ["[{'value': 2.0}]", "0"]
    assert run(ini, f"print({count})").stdout == "0\n"
    assert not (ini.parent / "var" / "spool").exists()


def test_the_session_cannot_write(ini: Path) -> None:
    assert "readonly" in run(ini, "session.execute(tables.models.delete())", status=1).stderr
    assert run(ini, "print(session.scalars(select(tables.models.c.name)).all())").stdout == "['line']\n"


def test_a_session_that_is_open_sees_what_comes_and_holds_nobody_up(ini: Path) -> None:
    before = dict(os.environ)
    with looked_at(ini) as names:
        assert os.environ == before
        session, tables, count = names["session"], names["tables"], names["func"].count()
        counted = names["select"](count).select_from(tables.models)
        assert session.scalar(counted) == 1
        with names["application"].database.write() as connection:
            connection.execute(tables.models.insert().values(name="other", created_at=datetime(2026, 1, 1, tzinfo=UTC)))
        assert session.scalar(counted) == 2
    assert not names["application"].started


def test_it_works_beside_a_running_server_whose_shipper_goes_on(tmp_path: Path, ini: Path) -> None:
    settings = settings_of(tmp_path, models={"line": tmp_path / "line.linear"}, log__way="process")
    with served(tmp_path / "server.ini", settings) as server, terminal(ini) as shell:
        shell.until()
        told = server.call("POST", "/api/v1/models/line/predictions", {"instances": [[1, 1]]}).json
        found = "[]"
        deadline = time.monotonic() + PATIENCE
        while found == "[]" and time.monotonic() < deadline:  # The server's shipper brings it.
            found = shell.ask("session.scalars(select(tables.predictions.c.id)).all()")
        assert re.findall(r"[0-9a-f-]{36}", found) == [told["id"]]
        # It is no worker, and what is predicted in it is no traffic.
        assert shell.ask('predict("line", x=1, y=1)') == "{'value': 2.0}"
        assert counted(server) == {"mlserve_workers": 1, "mlserve_prediction_instances_total": 1}
        assert [path.name for path in (tmp_path / "var" / "metrics").glob("*.lock")] == ["slot-0.lock"]
        assert shell.leave() == 0
        server.terminate()
        assert server.ended() == 0


HELD = """
import threading
MLSERVE_API = (1, 0)
BEGAN, GATE = threading.Event(), threading.Event()
def held():
    BEGAN.set()
    GATE.wait(20)
    return {}
def includeme(config):
    config.add_health_check("held", held)
"""


def test_it_is_handed_over_when_every_health_check_has_run(
    tmp_path: Path, ini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlserve_held.py").write_text(HELD)
    monkeypatch.syspath_prepend(tmp_path)
    ini.write_text(re.sub("(?m)^mlserve.plugins = .*", r"\g<0> mlserve_held", ini.read_text()))
    held: Any = importlib.import_module("mlserve_held")
    handed_over = threading.Event()

    def look() -> int:
        with looked_at(ini) as names:
            handed_over.set()
            return names["Request"].blank("/health/ready").get_response(names["app"]).status_int

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        assert held.BEGAN.wait(PATIENCE)
        assert not handed_over.wait(0.2)
        held.GATE.set()
        assert looking.result(PATIENCE) == 200
