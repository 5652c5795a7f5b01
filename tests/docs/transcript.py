"""Runs the curl commands of a page's `console` blocks against a live application and compares the answers.

A block holds `$ curl …` lines, each followed by the JSON that it answers. Ids of predictions and requests, times and
durations differ from run to run: an id stands for the same id in the rest of the page, a time for any time, `"…"` for
any value.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HERE = "http://127.0.0.1:6543"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_ANY = "…"


@dataclass
class Step:
    """One command of a page and what the page says that it prints."""

    command: str
    printed: str = ""


@dataclass
class Transcript:
    """A page's commands; `run` sends them in order, and each one that is answered otherwise is a failed assertion."""

    page: Path
    ids: dict[str, str] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        for block in _BLOCK.findall(self.page.read_text(encoding="utf-8")):
            step: Step | None = None
            for line in block.replace("\\\n", " ").splitlines():
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

    def run(self, port: int) -> int:
        """Send every curl command to the application on `port`; returns how many there were."""
        count = 0
        for step in self.steps():
            if not step.command.startswith("curl "):
                continue
            count += 1
            answer = _send(self._with_our_ids(step.command), port)
            difference = self._difference(json.loads(step.printed), json.loads(answer), "")
            assert difference is None, f"{self.page.name}: {step.command}\n{difference}\nanswered {answer}"
        return count

    def _with_our_ids(self, text: str) -> str:
        return _ID.sub(lambda found: self.ids.get(found[0], found[0]), text)

    def _difference(self, said: Any, got: Any, at: str) -> str | None:
        """Where the answer is not what the page says, or None."""
        if said == _ANY:
            return None
        if isinstance(said, dict) and isinstance(got, dict):
            if said.keys() != got.keys():
                return f"{at or '/'}: the page has the keys {list(said)}, the answer {list(got)}"
            return next(filter(None, (self._difference(said[key], got[key], f"{at}/{key}") for key in said)), None)
        if isinstance(said, list) and isinstance(got, list) and len(said) == len(got):
            pairs = enumerate(zip(said, got, strict=True))
            return next(filter(None, (self._difference(*pair, f"{at}/{item}") for item, pair in pairs)), None)
        if self._same_value(said, got, at):
            return None
        return f"{at}: the page says {said!r}, the answer {got!r}"

    def _same_value(self, said: Any, got: Any, at: str) -> bool:
        if isinstance(said, str) and isinstance(got, str):
            if _ID.fullmatch(said) and _ID.fullmatch(got):
                return self.ids.setdefault(said, got) == got
            if _TIME.fullmatch(said) and _TIME.fullmatch(got):
                return True
        if at.endswith("/duration_us"):
            return isinstance(said, int) and isinstance(got, int)
        return type(said) is type(got) and said == got


def _is_whole(command: str) -> bool:
    """Whether no quotation is open, which a shell would go on reading."""
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def _send(command: str, port: int) -> str:
    """What curl would print: `-s`, `-X`, `-H`, `-d` and one address are understood."""
    words = iter(shlex.split(command)[1:])
    method, body, address, headers = None, None, "", {}
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(":")
            headers[name] = value.strip()
        elif word == "-d":
            body = next(words)
        elif word.startswith(HERE):
            parts = urlsplit(word)
            address = parts.path + (f"?{parts.query}" if parts.query else "")
        else:
            assert word == "-s", f"The documentation's curl commands do not use {word!r}."
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method or ("GET" if body is None else "POST"), address, body, headers)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
