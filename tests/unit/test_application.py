"""What one application owns, and the order in which it starts and stops."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mlserve.application import Application
from mlserve.errors import ConfigurationError, DatabaseUnavailable
from mlserve.observability.health import Degraded
from mlserve.part import Part
from mlserve.settings import read_settings
from tests.factories import until


def application(folder: Path, prefix: str = "", *, alone: bool = False) -> Application:
    settings = read_settings({"mlserve.var": str(folder)}, {}, folder)
    return Application(settings, route_prefix=prefix, alone=alone)


def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    limits = application(tmp_path).limits
    assert (limits.body, limits.instances, limits.problems, limits.depth) == (8 * 2**20, 10_000, 100, 64)
    assert application(tmp_path).var == tmp_path


def test_it_starts_in_order_once_and_stops_in_reverse_once(tmp_path: Path) -> None:
    made, done = application(tmp_path), list[str]()
    for name in "ab":
        made.at_start(lambda name=name: done.append(f"start {name}"))  # type: ignore[misc]
        made.at_stop(lambda name=name: done.append(f"stop {name}"))  # type: ignore[misc]
    made.start()
    made.start()
    assert made.started
    assert done == ["start a", "start b"]
    made.stop()
    made.stop()
    assert not made.started
    assert done == ["start a", "start b", "stop b", "stop a"]


def test_requests_start_it_only_where_nobody_else_does(tmp_path: Path) -> None:
    alone, inside = application(tmp_path, alone=True), application(tmp_path)
    for made in (alone, inside):
        made.start_if_due()
    assert (alone.started, inside.started) == (False, True)
    inside.stop()
    inside.start_if_due()
    assert not inside.started, "what was stopped on purpose stays stopped"


def test_requests_that_come_together_start_it_once_and_wait_for_it(tmp_path: Path) -> None:
    made, done, together = application(tmp_path), list[bool](), threading.Barrier(8)
    starts: list[int] = []

    def start() -> None:
        starts.append(1)
        together.wait(10)  # Every other request is on its way by now.

    def request() -> None:
        together.wait(10)
        made.start_if_due()
        done.append(made.started)

    made.at_start(start)
    first = threading.Thread(target=made.start_if_due)
    first.start()
    requests = [threading.Thread(target=request) for _ in range(7)]
    for thread in requests:
        thread.start()
    for thread in (first, *requests):
        thread.join(20)
    assert (len(starts), done) == (1, [True] * 7)
    made.stop()


@pytest.mark.parametrize("alone", [True, False])
def test_a_forked_child_starts_its_own_and_leaves_the_parent_s_alone(tmp_path: Path, *, alone: bool) -> None:
    code = f"""
import os, pathlib
from mlserve.application import Application
from mlserve.settings import read_settings
folder = pathlib.Path({str(tmp_path)!r})
made = Application(read_settings({{}}, {{}}, folder), alone={alone})
say = lambda word: os.write(1, f"{{word}} {{'parent' if os.getpid() == parent else 'child'}}\\n".encode())
parent = os.getpid()
made.at_start(lambda: (say("start"), made.at_stop(lambda: say("stop"))))
made.start()
if child := os.fork():
    os.waitpid(child, 0)
    assert made.started
else:
    assert not made.started
    made.stop()
    made.start_if_due()
    made.start_if_due()
    assert made.started
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["start parent", "start child", "stop child", "stop parent"]


def test_a_start_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    made, done = application(tmp_path), list[str]()
    before = {*threading.enumerate()}  # Other tests may have left some.

    def fail() -> None:
        raise ConfigurationError("no")

    made.at_start(lambda: made.at_stop(lambda: done.append("closed")))
    made.at_start(fail)
    with pytest.raises(ConfigurationError):
        made.start()
    assert done == ["closed"]
    assert not made.started
    assert not [thread for thread in {*threading.enumerate()} - before if thread.name.startswith("health-")]


def test_one_part_that_cannot_stop_keeps_no_other_from_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made, done = application(tmp_path), list[str]()
    made.at_stop(lambda: done.append("first"))
    made.at_stop(lambda: 1 // 0)
    made.at_stop(lambda: done.append("last"))
    made.start()
    made.stop()
    assert done == ["last", "first"]
    assert "stop_failed" in caplog.text


@pytest.mark.parametrize(
    ("error", "ready"), [(None, True), (Degraded({}), True), (RuntimeError(), False), (DatabaseUnavailable(""), False)]
)
def test_it_is_ready_while_it_runs_and_every_check_allows_predictions(
    tmp_path: Path, error: Exception | None, ready: bool
) -> None:
    made = application(tmp_path)

    def check() -> dict[str, Any]:
        if error is not None:
            raise error
        return {"seen": 1}

    made.health.add("part", check)
    assert made.readiness() == (False, {"part": {"state": "unknown"}})
    made.start()
    until(lambda: made.readiness()[1]["part"]["state"] != "unknown")
    assert made.readiness()[0] is ready
    made.stop()
    assert made.readiness()[0] is False


def test_it_serves_unless_a_command_says_otherwise(tmp_path: Path) -> None:
    assert application(tmp_path).part is Part.SERVER
    assert Application(application(tmp_path).settings, part=Part.COMMAND).part is Part.COMMAND
