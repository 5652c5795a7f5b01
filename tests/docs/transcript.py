"""Runs the commands of a page's `console` blocks in order and compares what they print with what the page says.

A block holds `$ command` lines, each followed by what it prints. `pserve` starts a real server, `curl` speaks to it and
`sqlite3` reads its database, each without the program of that name; any other command runs in a shell. What differs
from run to run is recognised: an id stands for the same id in the rest of the page; times, durations, rates and digests
for any (another processor may train another last bit); `"…"` for any value, `…` for any text of a line; a float for one
that is equal to three parts in a thousand. A time with a fraction in a later command is the one that was printed.

A server takes a moment to follow its registry. What a `curl` changes nothing by is asked again for a while, until the
answer is the page's.
"""

import json
import math
import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from urllib3 import encode_multipart_formdata

from tests.docs.pages import Block, blocks
from tests.docs.workplace import Workplace

HERE = "http://127.0.0.1:6543"
CLOSE = 3e-3
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")
_DIGEST = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}")
_RATE = re.compile(r"\d[\d.,]*(?:/s| s\b)")
_WORD = re.compile(rf"{_ID.pattern}|{_TIME.pattern}|{_RATE.pattern}|[\w.+-]+|\S")
_ANY = "…"
_SENDS = ("-d", "-X", "-F", "--data-binary")
_NOT_YET = (404, 503)


@dataclass
class Step:
    """One command of a page and what the page says that it prints."""

    command: str
    printed: str = ""


def steps(page: str | Path) -> Iterator[Step | Block]:
    """The commands of the page and, where they stand among them, the files to be saved."""
    for block in blocks(page):
        if block.file:
            yield block
        elif block.language == "console":
            yield from _commands(block)


def _commands(block: Block) -> Iterator[Step]:
    step: Step | None = None
    for line in block.text.replace("\\\n", " ").splitlines():
        if step is not None and not _is_whole(step.command):
            step.command += "\n" + line
        elif line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(line[2:])
        elif step is not None:
            step.printed += line + "\n"
    if step is not None:
        yield step


@dataclass
class Transcript:
    """A page in a workplace; `run` does what the page says, and each answer that differs is a failed assertion."""

    page: str | Path
    workplace: Workplace
    patience: float = 10.0
    ids: dict[str, str] = field(default_factory=dict)

    def run(self) -> int:
        """Save every named block and run every command, in order; returns how many commands there were."""
        count = 0
        for step in steps(self.page):
            if isinstance(step, Block):
                self.workplace.save(self._here(step))
                continue
            count += 1
            command = self._with_ours(step.command)
            deadline = time.monotonic() + self.patience
            while True:
                printed, known = self._printed(command), dict(self.ids)
                difference = self._compare(step.printed, printed)
                if difference is None or not _may_repeat(command, printed) or time.monotonic() > deadline:
                    break
                self.ids = known
                time.sleep(0.1)
            assert difference is None, f"{self.page}: $ {step.command}\n{difference}\nprinted {printed}"
        return count

    def _with_ours(self, command: str) -> str:
        """The page's ids and moments stand for those of this run."""
        for kind in (_ID, _MOMENT):
            command = kind.sub(lambda found: self.ids.get(found[0], found[0]), command)
        return command

    def _here(self, block: Block) -> Block:
        """A program of the page asks the server that runs, where one does, and not the address of the page."""
        return Block(block.language, block.tag, self._addressed(block.text))

    def _addressed(self, text: str) -> str:
        return text.replace(HERE, f"http://127.0.0.1:{self.workplace.port}") if self.workplace.port else text

    def _printed(self, command: str) -> str:
        program, *arguments = shlex.split(command)
        match program.removeprefix(".venv/bin/"):
            case "curl":
                return _curl(arguments, self.workplace.port, self.workplace.folder)
            case "sqlite3":
                return self.workplace.sql(*arguments)
            case "pserve":
                self.workplace.serve(arguments[0])
                return self.workplace.said()
            case _ if "play.py" in command:
                return self.workplace.shell(f"{command} --url http://127.0.0.1:{self.workplace.port} | grep -v ━")
            case _:
                return self.workplace.shell(self._addressed(command))

    def _compare(self, said: str, got: str) -> str | None:
        try:
            return self._difference(json.loads(said), json.loads(got), "")
        except ValueError:
            return self._difference_of_lines(said.splitlines(), got.splitlines())

    def _difference(self, said: Any, got: Any, at: str) -> str | None:
        """Where the JSON answered is not what the page says, or None."""
        if said == _ANY:
            return None
        if isinstance(said, dict) and isinstance(got, dict):
            if said.keys() != got.keys():
                return f"{at or '/'}: the page has the keys {list(said)}, the answer {list(got)}"
            return next(filter(None, (self._difference(said[key], got[key], f"{at}/{key}") for key in said)), None)
        if isinstance(said, list) and isinstance(got, list) and len(said) == len(got):
            pairs = enumerate(zip(said, got, strict=True))
            return next(filter(None, (self._difference(*pair, f"{at}/{item}") for item, pair in pairs)), None)
        if type(said) is type(got) and self._same(said, got, at):
            return None
        return f"{at}: the page says {said!r}, the answer {got!r}"

    def _same(self, said: Any, got: Any, at: str) -> bool:
        if isinstance(said, str):
            return self._same_text(said, got)
        if isinstance(said, float):
            return math.isclose(said, got, rel_tol=CLOSE)
        return at.endswith("/duration_us") or bool(said == got)

    def _same_text(self, said: str, got: str) -> bool:
        if _ID.fullmatch(said) and _ID.fullmatch(got):
            return self.ids.setdefault(said, got) == got
        if _MOMENT.fullmatch(said) and _MOMENT.fullmatch(got):
            self.ids.setdefault(said, got)
        if any(kind.fullmatch(said) and kind.fullmatch(got) for kind in (_TIME, _DIGEST, _RATE)):
            return True
        return said == got

    def _difference_of_lines(self, said: list[str], got: list[str]) -> str | None:
        for one, other in zip_longest(said, got, fillvalue=""):
            if not self._same_line(one, other):
                return f"the page says   {one.rstrip()}\nthe command     {other.rstrip()}"
        return None

    def _same_line(self, said: str, got: str) -> bool:
        start, ellipsis, _ = said.partition(_ANY)
        ours, theirs = _WORD.findall(start), _WORD.findall(got)
        theirs = theirs[: len(ours)] if ellipsis else theirs
        return len(ours) == len(theirs) and all(map(self._same_word, ours, theirs))

    def _same_word(self, said: str, got: str) -> bool:
        if self._same_text(said, got):
            return True
        try:
            return "." in said and math.isclose(float(said), float(got), rel_tol=CLOSE)
        except ValueError:
            return False


def _is_whole(command: str) -> bool:
    """Whether no quotation is open, which a shell would go on reading."""
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def _may_repeat(command: str, printed: str) -> bool:
    """Whether asking again is as if it had been asked once: it only reads, or the server says that it is not ready."""
    program, *arguments = shlex.split(command)
    if program != "curl":
        return False
    if not any(argument in _SENDS for argument in arguments):
        return True
    try:
        return json.loads(printed).get("status") in _NOT_YET
    except (ValueError, AttributeError):
        return False


def _curl(arguments: list[str], port: int, folder: Path) -> str:
    """What curl would print of one address: `-s`, `-X`, `-H`, `-d`, `--data-binary`, `-F`, `-o`, `-w` of the status."""
    words = iter(arguments)
    method, body, address, headers, out, told = None, None, "", {}, None, ""
    parts_of_form: list[tuple[str, str | tuple[str, bytes]]] = []
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(":")
            headers[name] = value.strip()
        elif word in ("-d", "--data-binary"):
            data = next(words)
            body = (folder / data[1:]).read_bytes() if data.startswith("@") else data.encode()
        elif word == "-F":
            name, _, value = next(words).partition("=")
            file = folder / value[1:]
            parts_of_form.append((name, (file.name, file.read_bytes()) if value.startswith("@") else value))
        elif word == "-o":
            out = folder / next(words)
        elif word == "-w":
            told = next(words)
        elif word.startswith(HERE):
            parts = urlsplit(word)
            address = parts.path + (f"?{parts.query}" if parts.query else "")
        else:
            assert word == "-s", f"The documentation's curl commands do not use {word!r}."
    if parts_of_form:
        body, headers["Content-Type"] = encode_multipart_formdata(parts_of_form)
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method or ("GET" if body is None else "POST"), address, body, headers)
        response = connection.getresponse()
        answer = response.read()
        if out is not None:
            out.write_bytes(answer)
            answer = b""
        return answer.decode() + told.replace("%{http_code}", str(response.status)).replace(r"\n", "\n")
    finally:
        connection.close()
