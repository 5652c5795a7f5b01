"""A folder in which a page's commands run, with real servers on free ports and the environment's programs.

`mlserve verb …` runs in this process, and a server in a fork: they do what the programs do, without their start. In the
environment of somebody else, and with files and several commands in a line, they are the programs.
"""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from pysqlite3 import dbapi2 as sqlite

from mlserve.cli import main
from tests.docs.pages import ROOT, Block
from tests.functional.servers import Forked

PORT = re.compile(r"^port = \d+$", re.MULTILINE)
_HERE = sys.executable
_PLAIN = re.compile(
    r"(?:echo '(?P<said>[^']*)' \| )?(?P<variables>(?:MLSERVE__\w+=\S+ )*)"
    r"mlserve (?P<words>(?:'[^']*'|[^'|;<>&$`\n])+?)(?: 2> (?P<errors>\S+))?"
)


class Workplace:
    """`folder` has the environment as `.venv`; `port` is where the server listens that was started last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._log = folder / "server.log"
        self._server: subprocess.Popen[bytes] | Forked | None = None
        (folder / ".venv").symlink_to(sys.prefix)
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLSERVE__")}
        self._environ = {**kept, "PATH": programs, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1"}
        self._environ["PYTHONUNBUFFERED"] = "1"  # What a server prints is read while it runs.
        self._environ["LOGNAME"] = "ada"  # Whoever runs the tests, the history says this name.
        # The clients of other servers tell nobody that they are used.
        self._environ |= {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}

    def save(self, block: Block) -> None:
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def clone(self) -> None:
        """Make the folder look like a clone in which `make serve` has run once."""
        (self.folder / "examples").symlink_to(ROOT / "examples")
        for name in ("development.ini", "production.ini"):
            (self.folder / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")

    def gallery(self) -> None:
        """Make the folder look like a clone with the gallery's models and, beside it, the clients of other servers."""
        for path in (ROOT / "examples").iterdir():
            if path.name != "gallery":
                (self.folder / "examples").mkdir(exist_ok=True)
                (self.folder / "examples" / path.name).symlink_to(path)
        ours, here = ROOT / "examples" / "gallery", self.folder / "examples" / "gallery"
        here.mkdir()
        for name in ("data", "prepare.py"):
            (here / name).symlink_to(ours / name)
        (here / "gallery.ini").write_text((ours / "gallery.ini").read_text(encoding="utf-8"), encoding="utf-8")
        for client in ("tritonclient", "kserve", "mlflow"):
            (self.folder / client).symlink_to(ROOT / ".venv-neighbours" / client)

    def serve(self, ini: str) -> None:
        """Start a server of this INI, on a free port instead of the one it says, in the place of the one before."""
        self.choose_port()
        text, count = PORT.subn(f"port = {self.port}", (self.folder / ini).read_text(encoding="utf-8"))
        assert count == 1, f"{ini} says no port, or more than one"
        served = Path(ini).with_name(f"served-{Path(ini).name}")
        (self.folder / served).write_text(text, encoding="utf-8")
        if sys.executable == _HERE:
            self._server = Forked(self.folder, str(served), self._environ, self._log)
            self._await_answer("/health/live")
        else:
            self.start("-m", "pyramid.scripts.pserve", str(served))

    def choose_port(self) -> int:
        """Stop the server that is there, and find a free port for the next one."""
        self.stop()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        return self.port

    def start(self, *arguments: str, live: str = "/health/live") -> None:
        """Start a server in Python that listens on `port`, and wait until it answers at its address `live`."""
        command = [sys.executable, *arguments]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(command, cwd=self.folder, env=self._environ, stdout=log, stderr=log)
        self._await_answer(live)

    def _await_answer(self, live: str) -> None:
        assert self._server is not None
        deadline = time.monotonic() + 60
        while not self._answers(live):
            assert self._server.poll() is None, self.said()
            assert time.monotonic() < deadline, "the server did not answer in time"
            time.sleep(0.05)

    def said(self) -> str:
        """What the server that was started last has printed, on either stream.

        Our first question may come before waitress's threads wait for one, of which it warns: no reader is so fast.
        """
        lines = self._log.read_text(encoding="utf-8").splitlines(keepends=True)
        return "".join(line for line in lines if "waitress.queue" not in line)

    def shell(self, command: str) -> str:
        """What the command prints, on either stream."""
        if sys.executable == _HERE and (plain := _PLAIN.fullmatch(command)):
            return self._verb(plain)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        return done.stdout.decode()

    def _verb(self, command: re.Match[str]) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in os.environ.keys() - self._environ.keys():
                patch.delenv(name)
            patch.setenv("LOGNAME", self._environ["LOGNAME"])
            for variable in command["variables"].split():
                patch.setenv(*variable.split("=", 1))
            done = CliRunner().invoke(main, shlex.split(command["words"]), input=f"{command['said'] or ''}\n")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        if command["errors"] is None:
            return done.output
        (self.folder / command["errors"]).write_text(done.stderr, encoding="utf-8")
        return done.stdout

    def sql(self, file: str, query: str) -> str:
        """As the program `sqlite3` prints rows: values separated by a bar."""
        connection = sqlite.connect(f"file:{self.folder / file}?mode=rw", uri=True)
        try:
            rows = connection.execute(query).fetchall()
        finally:
            connection.close()
        return "".join("|".join("" if value is None else str(value) for value in row) + "\n" for row in rows)

    def stop(self) -> int | None:
        """End the server, if there is one, as an operator does; the answer is its exit status."""
        server, self._server = self._server, None
        if server is None:
            return None
        server.terminate()
        return server.wait(30)

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False
