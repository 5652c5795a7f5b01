import io
import json
import logging
import math
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from logging.config import fileConfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve.auth.key_text import new_key
from mlserve.observability.logging import ColumnsFormatter, JsonFormatter
from mlserve.observability.request_id import bound

Emit = Callable[..., str]


def emitter(formatter: logging.Formatter) -> Emit:
    """Log through a real handler and give back what it wrote."""

    def emit(event: str, *args: Any, fields: Any = None, level: int = logging.INFO, **more: Any) -> str:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger = logging.Logger("mlserve.test")  # noqa: LOG001 - one of its own, that leaves nothing behind
        logger.addHandler(handler)
        logger.log(level, event, *args, extra={"fields": fields} if fields is not None else None, **more)
        return stream.getvalue()

    return emit


@pytest.fixture
def as_json() -> Emit:
    return emitter(JsonFormatter())


@pytest.fixture
def as_columns() -> Emit:
    return emitter(ColumnsFormatter())


def test_an_event_is_one_json_object_on_one_line(as_json: Emit) -> None:
    before = datetime.now(UTC)
    line = as_json("version_loaded", fields={"model": "flight-delay", "version": 2}, level=logging.WARNING)
    event = json.loads(line)

    assert line.endswith("}\n")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
    assert abs((datetime.fromisoformat(event.pop("time")) - before).total_seconds()) < 5
    assert event == {
        "level": "warning",
        "logger": "mlserve.test",
        "event": "version_loaded",
        "model": "flight-delay",
        "version": 2,
    }


def test_a_library_message_is_an_event_too(as_json: Emit) -> None:
    assert json.loads(as_json("Task queue depth is %d", 5))["event"] == "Task queue depth is 5"
    assert json.loads(as_json("x", fields="not a mapping"))["event"] == "x"


def test_the_request_id_is_added_while_one_is_bound(as_json: Emit, as_columns: Emit) -> None:
    with bound("abc"):
        assert json.loads(as_json("x"))["request_id"] == "abc"
        assert as_columns("x").endswith("request_id=abc\n")
    assert "request_id" not in as_json("x")
    assert "request_id" not in as_columns("x")


def test_a_field_cannot_hide_what_every_event_has(as_json: Emit) -> None:
    event = json.loads(as_json("x", fields={"event": "y", "level": "z"}))

    assert (event["event"], event["event_"], event["level"], event["level_"]) == ("x", "y", "info", "z")


def test_an_exception_stays_on_the_line(as_json: Emit) -> None:
    try:
        raise ZeroDivisionError("a\nb")
    except ZeroDivisionError:
        line = as_json("request_failed", exc_info=True)

    assert line.count("\n") == 1
    assert json.loads(line)["exception"].startswith("Traceback (most recent call last):\n")
    assert json.loads(line)["exception"].endswith("ZeroDivisionError: a\nb")
    assert "exception" not in json.loads(as_json("x", exc_info=(None, None, None)))
    assert "test_logging.py" in json.loads(as_json("x", stack_info=True))["exception"]


class Unshowable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Path("/var"), "/var"),
        (np.float32(0.5), 0.5),
        (math.nan, None),
        ({1: 2}, {"1": 2}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (2**70, str(2**70)),
        (CIRCLE, "[[...]]"),
        (Unshowable(), "<Unshowable>"),
        ([2**70, Unshowable()], "<list>"),
        ("a\nb\x1b", "a\nb\x1b"),
    ],
)
def test_whatever_a_field_holds_is_written(value: Any, written: Any, as_json: Emit, as_columns: Emit) -> None:
    line = as_json("x", fields={"value": value})

    assert line.count("\n") == 1
    assert json.loads(line)["value"] == written
    assert as_columns("x", fields={"value": value}).count("\n") == 1


def test_a_lone_surrogate_is_written(as_json: Emit, as_columns: Emit) -> None:
    assert json.loads(as_json("x", fields={"value": "\ud800"}))["value"] == "\ud800"
    assert 'value="\\ud800"' in as_columns("x", fields={"value": "\ud800"})


def test_columns(as_columns: Emit) -> None:
    line = as_columns("started", fields={"models": ["a", "b"], "n": 1, "path": "/x", "empty": "", "said": 'a "b"=c'})

    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3}Z INFO    mlserve\.test         started              "
        r'models="\[\'a\', \'b\'\]" n=1 path=/x empty="" said="a \\"b\\"=c"\n',
        line,
    )


def test_no_value_begins_a_line_or_speaks_to_the_terminal(as_columns: Emit) -> None:
    forged = "x\n12:00:00.000Z ERROR forged \x1b[2J\x9b\r\u2028"
    line = as_columns(forged, fields={forged: forged})

    assert line.count("\n") == 2  # One is the event's own, and what follows it is indented.
    assert line.splitlines()[1].startswith("    12:00:00.000Z ERROR")
    assert not set(line) & set("\x1b\x9b\r\u2028")


def test_a_traceback_follows_the_columns_indented(as_columns: Emit) -> None:
    try:
        raise ZeroDivisionError("a\x1b")
    except ZeroDivisionError:
        lines = as_columns("request_failed", exc_info=sys.exc_info()).splitlines()

    assert lines[1] == "    Traceback (most recent call last):"
    assert lines[-1] == "    ZeroDivisionError: a\\x1b"


INI = """\
[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys = ours
[logger_root]
level = INFO
handlers = file
[handler_file]
class = FileHandler
args = (r"{path}", "w")
formatter = ours
[formatter_ours]
class = mlserve.observability.logging.{name}
"""


@pytest.mark.parametrize("name", ["JsonFormatter", "ColumnsFormatter"])
def test_an_ini_can_name_them(name: str, tmp_path: Path) -> None:
    ini = tmp_path / "logging.ini"
    ini.write_text(INI.format(path=tmp_path / "log", name=name))
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        fileConfig(ini, disable_existing_loggers=False)
        logging.getLogger("mlserve.test").info("hello_there", extra={"fields": {"n": 1}})
    finally:
        for handler in set(root.handlers) - set(before):
            handler.close()
        root.handlers[:] = before
        root.setLevel(level)

    assert "hello_there" in (tmp_path / "log").read_text()


def test_the_secret_of_a_key_that_stands_in_a_value_is_not_written(as_json: Emit, as_columns: Emit) -> None:
    key = new_key()
    for emit in (as_json, as_columns):
        line = emit("request", fields={"path": f"/api/v1/keys/{key.text}", "first": key.text[:-5]})
        assert key.text[20:-5] not in line
        assert line.count(f"mls_{key.id}_…") == 2
