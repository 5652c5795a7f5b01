"""Supervisors whose processes are forked from templates."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.factories import until
from tests.unit.server.workers.test_supervisor import PATIENCE, Supervised, is_gone, supervised

TEMPLATE = "mlserve.server.workers.template"


@contextmanager
def preloading(folder: Path, changing: str = "VERSION = 1", **keys: Any) -> Iterator[Supervised]:
    """A server whose template imports the module `changing` with this text."""
    (folder / "changing.py").write_text(changing)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    variables = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    with supervised(folder, variables=variables, preloaded=("changing",), **{"preload": "yes", **keys}) as server:
        yield server


def settled(server: Supervised, count: int = 2) -> set[int]:
    """Its processes, once there are only so many."""
    until(lambda: len(server.children()) == count, PATIENCE)
    return server.children()


def is_forked(pid: int) -> bool:
    return TEMPLATE in Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def versions(server: Supervised) -> set[str]:
    """What its processes have found imported."""
    return {(server.folder / f"version-{pid}").read_text() for pid in settled(server)}


def template_of(server: Supervised) -> int:
    """That of a server that is just starting, whose only process it is."""
    until(lambda: [*map(is_forked, server.children())] == [True], PATIENCE)
    (pid,) = server.children()
    return pid


def test_processes_are_forked_and_replaced_and_nothing_is_left(tmp_path: Path) -> None:
    with preloading(tmp_path) as server:
        server.hears("serving")
        before = settled(server)
        descriptors = server.descriptors()
        assert all(map(is_forked, before))
        assert versions(server) == {"1"}
        assert {os.getpgid(pid) for pid in before} == before, "Ctrl-C is for the supervisor alone"
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        server.hears("process_ready", 3)
        assert server.said("process_died") == 1
        # The template goes when nobody has needed it for a while.
        after = settled(server)
        assert victim not in after
        assert all(map(is_forked, after))
        assert not [*tmp_path.glob("mlserve-*")], "a copy of the INI is left"
        assert server.descriptors() <= descriptors
        server.send(signal.SIGTERM)
        assert server.ended() == 0
        assert all(map(is_gone, after))
        assert server.said("template_not_used") == 0


def test_a_reload_reads_the_code_anew_and_may_fork_no_more(tmp_path: Path) -> None:
    with preloading(tmp_path) as server:
        server.hears("serving")
        (tmp_path / "changing.py").write_text("VERSION = 2")
        server.reload(1, preload="yes")
        assert versions(server) == {"2"}
        server.reload(2, preload="no")
        assert not any(map(is_forked, settled(server)))


@pytest.mark.parametrize(
    "text",
    [
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "file = open(__file__)",
        "import os\nos._exit(5)",
    ],
    ids=["thread", "file", "end"],
)
def test_where_importing_does_more_each_process_has_an_interpreter_of_its_own(text: str, tmp_path: Path) -> None:
    with preloading(tmp_path, text) as server:
        server.hears("serving")
        before = settled(server)
        assert not any(map(is_forked, before))
        os.kill(min(before), signal.SIGKILL)
        server.hears("process_ready", 3)
        assert not any(map(is_forked, settled(server)))
        assert server.said("template_not_used") == 1


def test_what_cannot_be_imported_is_left_to_whoever_needs_it(tmp_path: Path) -> None:
    with preloading(tmp_path, "raise SystemExit('no')") as server:
        server.hears("serving")
        assert all(map(is_forked, settled(server)))
        assert server.said("template_not_used") == 0


# It waits in the middle of an import until a file is there.
WAITING = """
import pathlib, time
while not pathlib.Path(__file__).with_name("go").exists():
    time.sleep(0.01)
"""


def test_where_the_template_is_killed_the_server_starts_without(tmp_path: Path) -> None:
    with preloading(tmp_path, WAITING) as server:
        os.kill(template_of(server), signal.SIGKILL)
        server.hears("serving")
        assert not any(map(is_forked, settled(server)))
        assert server.said("template_not_used") == 1


def test_an_import_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    with preloading(tmp_path, WAITING, start_timeout=3) as server:
        server.hears("serving")
        assert not any(map(is_forked, settled(server)))


def test_it_ends_while_a_template_imports(tmp_path: Path) -> None:
    with preloading(tmp_path, WAITING) as server:
        template = template_of(server)
        server.send(signal.SIGTERM)
        assert server.ended() == 0
        assert is_gone(template)


def test_nothing_outlives_the_supervisor(tmp_path: Path) -> None:
    """Neither a template, nor what it has forked."""
    starting, serving = tmp_path / "starting", tmp_path / "serving"
    for folder in (starting, serving):
        folder.mkdir()
    with preloading(starting, WAITING) as server:
        template = template_of(server)
        server.send(signal.SIGKILL)
        server.ended()
        (starting / "go").touch()
        until(lambda: is_gone(template), PATIENCE)
    with preloading(serving) as server:
        server.behave("stubborn")
        server.hears("serving")
        children = settled(server)
        server.send(signal.SIGKILL)
        until(lambda: all(map(is_gone, children)), PATIENCE)
