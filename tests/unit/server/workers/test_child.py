import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mlserve.server.workers.child import Child
from tests.factories import until

PATIENCE = 30.0


def test_it_buries_those_that_lost_their_parent() -> None:
    """A process that takes in orphans, and has a child itself."""
    program = """
        import os, subprocess, sys, time
        from mlserve.server.workers.child import bury_strangers
        from mlserve.server.workers.prctl import adopt_orphans
        adopt_orphans()
        ours = subprocess.Popen([sys.executable, "-S", "-c", "pass"])
        os.waitid(os.P_PID, ours.pid, os.WEXITED | os.WNOWAIT)
        orphaning = "import os, sys; child = os.fork(); child or os._exit(0); print(child, flush=True)"
        stranger = int(subprocess.check_output([sys.executable, "-S", "-c", orphaning]))
        end = time.monotonic() + 30
        while os.path.exists(f"/proc/{stranger}") and time.monotonic() < end:
            bury_strangers({ours.pid})
            ours.poll()  # As the supervisor does: it may stand before the stranger in the line.
        print(os.path.exists(f"/proc/{stranger}"), ours.returncode)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False 0\n"


def test_where_no_process_can_be_started_no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OSError, match="/nowhere/python"):
        Child("module", [])
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_where_there_is_no_descriptor_for_the_second_pipe_the_first_is_closed() -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    taken = [os.dup(0) for _ in range(highest + 1 - before)]  # All below are taken.
    resource.setrlimit(resource.RLIMIT_NOFILE, (max([*taken, highest]) + 3, limit[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            Child("module", [])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        for descriptor in taken:
            os.close(descriptor)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_the_library_computes_with_one_thread_unless_somebody_has_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said in (None, "4"):
        if said is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", said)
        else:
            monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        child = Child("tests.unit.server.workers.stand_in", [str(tmp_path / "w.ini"), "workers"])
        environ = Path(f"/proc/{child.pid}/environ")
        try:
            until(lambda said=said, environ=environ: f"OMP_NUM_THREADS={said or 1}\0" in environ.read_text(), PATIENCE)
        finally:
            child.kill()
            child.close()


def test_what_it_says_is_heard() -> None:
    child = Child("tests.unit.server.workers.stand_in", ["/nowhere/w.ini", "workers"])
    try:
        until(lambda: child.listen() or child.ready, PATIENCE)
        assert child.status is None
        assert child.behind == 0
        child.terminate()
        until(lambda: child.listen() or child.closed, PATIENCE)
        until(lambda: child.status is not None, PATIENCE)
    finally:
        child.kill()
        child.close()
