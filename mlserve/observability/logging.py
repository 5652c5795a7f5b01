"""Log formatters for the INI: an event is a constant name and fields, `log.info("event_name", extra={"fields": {…}})`.

`JsonFormatter` writes one JSON object a line, for machines; `ColumnsFormatter` lines for people. Both take events
without fields too, so that they serve every library's messages, and both add the id of the request. Neither raises,
whatever the fields hold, and no value can begin a line that looks like another event.
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from mlserve.observability import request_id

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC
_RESERVED: Final = frozenset({"time", "level", "logger", "event", "exception"})
# Escape sequences and line ends of a value would speak to the reader's terminal.
_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
_CONTROLS_BUT_LINES: Final = {code: text for code, text in _CONTROLS.items() if chr(code) not in "\n\t"}
# The text of a key (mlserve.auth.key_text), and its id.
_KEY: Final = re.compile(r"(mls_[a-z0-9]{12})_[A-Za-z0-9_-]+")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, event, request_id, the fields, exception.

    A field called like one of the others is written with an underscore behind it.
    """

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if identity := request_id.current():
            event["request_id"] = identity
        for name, value in _fields(record).items():
            event[f"{name}_" if name in _RESERVED else name] = value
        if trace := _trace(self, record):
            event["exception"] = trace
        return _without_keys(_json(event))


class ColumnsFormatter(logging.Formatter):
    """Time (UTC), level, logger, event and `name=value` fields in columns; a traceback follows, indented."""

    def format(self, record: logging.LogRecord) -> str:
        time = _time(record).strftime("%H:%M:%S.%f")[:-3]
        event = record.getMessage().translate(_CONTROLS_BUT_LINES)
        parts = [f"{time}Z {record.levelname:<8}{record.name:<20} {event:<20}"]
        parts += [f"{_cell(name)}={_cell(value)}" for name, value in _fields(record).items()]
        if identity := request_id.current():
            parts.append(f"request_id={identity}")
        line = " ".join(parts).rstrip()
        if trace := _trace(self, record):
            line += "\n" + trace.translate(_CONTROLS_BUT_LINES)
        # A lone surrogate would make the stream refuse the line.
        return _without_keys(line.replace("\n", "\n    ").encode("utf-8", "backslashreplace").decode())


def _without_keys(line: str) -> str:
    """The line without the secrets of callers' keys: one can stand in a path, where its caller has written it."""
    return _KEY.sub(r"\1_…", line) if "mls_" in line else line


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> Mapping[Any, Any]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, Mapping) else {}


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    parts += [formatter.formatStack(record.stack_info)] if record.stack_info else []
    return "\n".join(parts)


def _json(event: dict[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=_text, option=_OPTIONS).decode()
    except (TypeError, ValueError, RecursionError):
        # orjson knows no ints beyond 64 bits, lone surrogates or circles: those become their Python text.
        return json.dumps({_text(name): _text(value) for name, value in event.items()})


def _cell(value: Any) -> str:
    text = _text(value)
    plain = text.isprintable() and text and not any(character in text for character in ' "=')
    return text if plain else json.dumps(text, ensure_ascii=False).translate(_CONTROLS)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # A log event is the wrong place to learn that an object cannot be shown.
        return f"<{type(value).__name__}>"
