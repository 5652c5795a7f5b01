"""Hostile artefacts: what each is, and what becomes of a server that is given one, in a process that may die of it."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile, ZipInfo

from mlserve.application import Application
from mlserve.errors import ConfigurationError, MlserveError
from mlserve.registry import declared
from mlserve.startup import build
from mlserve.testing.application import settings_of
from mlserve.testing.subject import MODEL, settings_serving

_ZIP: Final = b"PK\x03\x04"
_MIB: Final = 1 << 20
_BOMBS: Final = 3  # A zip may have many members.
_START: Final = 120.0  # seconds for a process to begin, on a machine that is busy
BOMB: Final = 1 << 28  # bytes that a member of the zip bomb unfolds to


@dataclass(frozen=True)
class Hostile:
    """A path that a server is told to serve, with a word for what is wrong with it."""

    what: str
    path: Path


@dataclass(frozen=True)
class Outcome:
    """What became of it: `served`, `refused` in a sentence, `raised` anything else, `died` of it, or `hung`.

    `said` is the sentence, the exception or the signal; `grown` is by how many MiB the process had to grow.
    """

    verdict: str
    said: str = ""
    grown: float = 0.0


# Is told a path a line, serves each as a server starts with it, and tells what became of it.
_CHILD: Final = """
import json, resource, sys, tempfile, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from mlserve.testing.hostile import Trial
plugin, more = json.loads(sys.stdin.readline())
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
out, sys.stdout = sys.stdout, sys.stderr
with tempfile.TemporaryDirectory() as folder:
    trial = Trial(plugin, Path(folder), more)
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        before = peak()
        verdict, said = trial.of(Path(json.loads(line)))
        print(json.dumps([verdict, said, peak() - before]), file=out, flush=True)
"""


class Trials:
    """`outcome(path)` says what becomes of a server that is given this artefact, by a process that is given one too.

    It is started when it is first needed, and another one when it has died or was killed because it hung.
    """

    def __init__(
        self, plugin: str, settings: Mapping[str, str], patience: float, start_patience: float = _START
    ) -> None:
        """`patience` seconds for each artefact, `start_patience` for the process to begin."""
        self._first = json.dumps([plugin, dict(settings)])
        self._patience = patience
        self._start_patience = start_patience
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        self._threads: list[threading.Thread] = []

    def outcome(self, path: Path) -> Outcome:
        if self._process is None:
            self._start()
        self._tell(json.dumps(str(path)))
        try:
            line = self._lines.get(timeout=self._patience)
        except queue.Empty:
            self.close()
            return Outcome("hung", f"inspect() or load() hangs, or takes more than {self._patience:g} s")
        if line:
            return Outcome(*json.loads(line))
        status = self.close()
        return Outcome("died", f"{_ended(status)}: {''.join(self._errors)[-500:].strip()}")

    def close(self) -> int:
        """End the process; its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None and self._lines.empty():
            process.kill()
        status = process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        return status

    def _start(self) -> None:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-X", "faulthandler", "-c", _CHILD]
        pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self._process = process = subprocess.Popen(command, env=environ, text=True, **pipes)
        self._lines, self._errors = queue.Queue(), []
        self._threads = [
            threading.Thread(target=_read, args=(process.stdout, self._lines), daemon=True),
            threading.Thread(target=self._errors.extend, args=(process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._tell(self._first)
        try:
            ready = self._lines.get(timeout=self._start_patience)
        except queue.Empty:
            ready = ""
            process.kill()
            self._errors.append(f"it has not begun in {self._start_patience:g} s")
        if not ready:
            self.close()
            raise AssertionError(f"The plugin cannot be tried in a fresh process: {''.join(self._errors)[-1000:]}")

    def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # What it died of is told where its answer is read.
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


class Trial:
    """Serves one artefact after the other in this process; what it keeps is in `folder`."""

    def __init__(self, plugin: str, folder: Path, more: Mapping[str, str]) -> None:
        self._plugin = plugin
        self._folder = folder
        self._more = more
        self._application = self._built(settings_of(folder, plugins=plugin, models={}) | dict(more))

    def of(self, path: Path) -> tuple[str, str]:
        """Verdict and words for an artefact that is served and asked its example."""
        try:
            application = self._application
            family = application.families.reading(path.suffix, f"mlserve.models.{MODEL}")
            if family.runs_code:  # It must be trusted, to come as far as that.
                application = self._built(settings_serving(self._plugin, family, path, self._folder, self._more))
            declared.examine(application, MODEL, path)
        except Exception as error:
            cause = error.__cause__
            # A server tells in one sentence of what is no refusal too: it is the family's to say what is wrong.
            if isinstance(error, ConfigurationError) and (cause is None or isinstance(cause, MlserveError)):
                return "refused", str(error)
            return "raised", repr(cause or error)
        return "served", ""

    def _built(self, settings: Mapping[str, str]) -> Application:
        application: Application = build(dict(settings), here=None).registry.mlserve
        return application


def _read(output: Any, lines: "queue.Queue[str]") -> None:
    for line in output:
        lines.put(line)
    lines.put("")


def _ended(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


ESCAPING: Final = "../../escaped.txt"
ESCAPES: Final = f"a zip with {ESCAPING}"


def unfolded(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Of a zip file: with a member that unfolds to far more than it is, and with one outside of its folder."""
    if not content.startswith(_ZIP):
        return
    try:
        with ZipFile(BytesIO(content)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist() if not info.is_dir()]
    except (BadZipFile, NotImplementedError):
        return
    for info, _ in members[:_BOMBS]:
        yield f"a zip whose {info.filename} unfolds to {BOMB >> 20} MiB", _bomb(members, info.filename)
    buffer = BytesIO(content)
    with ZipFile(buffer, "a") as archive:
        archive.writestr(ESCAPING, b"outside")
    yield ESCAPES, buffer.getvalue()


def _bomb(members: Sequence[tuple[ZipInfo, bytes]], name: str) -> bytes:
    """Written by hand, since deflating so much takes its time: one deflated MiB, again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(_MIB)
    part = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = part * (BOMB // _MIB) + packer.flush(zlib.Z_FINISH)
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for info, data in members:
            if info.filename != name:
                archive.writestr(info.filename, data, info.compress_type)
                continue
            check = 0
            for _ in range(BOMB // _MIB):
                check = zlib.crc32(zeros, check)
            _append(archive, name, packed, check)
    return buffer.getvalue()


def _append(archive: ZipFile, name: str, packed: bytes, check: int) -> None:
    """A member that is deflated already: written as it is, and then said to be what it is."""
    info = ZipInfo(name)
    with archive.open(info, "w", force_zip64=False) as member:
        member.write(packed)
    info.compress_type, info.file_size, info.CRC = 8, BOMB, check
    file: Any = archive.fp
    after = file.tell()
    file.seek(info.header_offset)
    file.write(info.FileHeader(zip64=False))
    file.seek(after)
