import os
import subprocess
import sys
import textwrap
from pathlib import Path

# A program that forks from a template processes of the module `forked`, in the folder that it runs in.
PROGRAM = """
    import os, select, sys
    from pathlib import Path
    from mlserve.server.workers.prctl import adopt_orphans
    from mlserve.server.workers.starting import NotForked, Template

    def wait(template):
        while not template.is_settled:
            select.select([template], [], [], 30)
            template.listen()

    adopt_orphans()
    template = Template("mlserve.server.workers.template", Path("w.ini"), ["forked"])
    wait(template)
"""
FORKED = """
    import atexit, os, random, sys
    import numpy

    def main(what, *more):
        if what == "draw":
            print(numpy.random.random(), random.random())
        if what == "say":
            os.write(int(more[0]), b"heard")
        atexit.register(print, "at exit", *more[1:])
        sys.exit("one sentence" if what == "fail" else 7)

    print("imported once")
"""


def run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "forked.py").write_text(textwrap.dedent(FORKED))
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    environ = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    text = textwrap.dedent(PROGRAM) + textwrap.dedent(program)
    command = [sys.executable, "-c", text]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


def test_a_forked_process_is_like_one_of_its_own(tmp_path: Path) -> None:
    """It has its arguments, descriptors, random numbers, exit status and what an interpreter does at its end."""
    program = """
        reading, writing = os.pipe()
        spoken = template.start("forked", ["say", writing, "more"])
        assert os.getpgid(spoken.pid) == spoken.pid or spoken.wait()
        os.close(writing)
        assert os.read(reading, 100) == b"heard"
        assert os.read(reading, 100) == b"", "nobody else has it"
        assert spoken.wait() == spoken.poll() == 7
        for _ in range(2):
            assert template.start("forked", ["draw"]).wait() == 7
        failed = template.start("forked", ["fail"])
        assert failed.wait() == 1
        failed.send_signal(9)  # It is gone: nothing happens.
        template.close()
        assert template.closed
        os.waitpid(-1, 0)  # There is no other one.
    """
    done = run(tmp_path, program)
    assert "ChildProcessError" in done.stderr.splitlines()[-1]
    assert "one sentence" in done.stderr.splitlines()
    lines = done.stdout.splitlines()
    assert lines.count("imported once") == 1
    assert lines.count("at exit more") == 1
    drawn = [line.split() for line in lines if line[0].isdigit()]
    assert len({number for numbers in drawn for number in numbers}) == 4


def test_one_that_does_not_answer_is_used_no_more(tmp_path: Path) -> None:
    program = """
        import signal
        from mlserve.server.workers import starting
        starting.PATIENCE = 0.1
        os.kill(template.pid, signal.SIGSTOP)
        for _ in range(2):
            try:
                template.start("forked", ["draw"])
            except NotForked as failed:
                print(failed)
        print(template.closed, template.is_ready)
    """
    assert run(tmp_path, program).stdout.splitlines()[1:] == ["it does not answer", "it does not answer", "True False"]


def test_one_that_is_killed_says_how_it_has_ended(tmp_path: Path) -> None:
    program = """
        os.kill(template.pid, 9)
        os.waitid(os.P_PID, template.pid, os.WEXITED | os.WNOWAIT)
        try:
            template.start("forked", ["draw"])
        except NotForked as failed:
            print(failed)
    """
    assert run(tmp_path, program).stdout.splitlines()[1:] == ["it ended with status -9"]


def test_where_no_process_can_be_forked_it_says_so_and_goes_on(tmp_path: Path) -> None:
    program = """
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for limit in (6, 8):  # There is no room for what comes along, and for a pipe.
            resource.prlimit(template.pid, resource.RLIMIT_NOFILE, (limit, hard))
            try:
                template.start("forked", ["draw", *[0] * 4])
            except NotForked as failed:
                print(failed)
        resource.prlimit(template.pid, resource.RLIMIT_NOFILE, (soft, hard))
        print(template.start("forked", ["say", 1]).wait())
    """
    done = run(tmp_path, program)
    failed = "no process can be forked: Too many open files"
    assert done.stdout.splitlines()[1:] == [failed, failed, "heardat exit", "7"], done.stderr
