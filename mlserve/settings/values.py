"""The types of settings: text of the INI to a typed value, or a ValueError that says what to write instead."""

import math
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from mlserve.settings.setting import Setting, SettingType

DURATIONS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES: Final = {
    "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}  # fmt: skip
_SIZES_BY_LOWER: Final = {unit.lower(): size for unit, size in SIZES.items()}
_BOOLEANS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_QUANTITY = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]+)", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_URL = re.compile(r"([a-z][a-z0-9]*)(\+[a-z0-9_]+)?://(.*)", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):(.*)@|(?<=password=)[^&]*")
_COMMENT = re.compile(r"\s[;#]").search
_DRIVERS: Final = {"sqlite": ("+pysqlite",), "postgresql": ("+psycopg",)}


def parse(setting: Setting, text: str, here: Path) -> Any:
    """The typed value of `text`; relative paths start at `here`.

    An empty text is None (an empty tuple for a `list`). Durations are seconds, sizes bytes. ValueError with what to
    write, as the end of a sentence that begins "write".
    """
    text = text.strip()
    if setting.type == "list":
        if slip(text):
            raise ValueError("words separated by spaces, commas or lines")
        return tuple(word for word in re.split(r"[\s,]+", text) if word)
    if not text:
        if setting.default_text:
            raise ValueError(f"{_wanted(setting)}, or remove the line for the default {setting.default_text}")
        return None
    if "\n" in text or "\0" in text:
        raise ValueError(f"{_wanted(setting)}, on one line (an indented line continues the one above it)")
    value = _PARSERS[setting.type](setting, text, here)
    low, high = setting.minimum, setting.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(_wanted(setting))
    return value


def shown(setting: Setting, text: str) -> str:
    """The text as an error sentence may show it: quoted, short, without the password of a URL."""
    if setting.type == "url":
        text = _PASSWORD.sub(lambda found: f"{found[1]}:***@" if found[2] is not None else "***", text)
    text = text.strip()
    return repr(text if len(text) <= 200 else text[:200] + "…")


def slip(text: str) -> str:
    """What an INI does not have although other formats do: a remark in brackets where the text shows it, else ""."""
    if _COMMENT(text):
        return "(a comment stands on a line of its own)"
    return "(without quotes)" if text.strip()[:1] in ('"', "'") else ""


def in_words(setting: Setting, value: float) -> str:
    """A number of the setting's type as one would write it: 0.2 -> 200ms, 4096 -> 4KiB."""
    if setting.type == "duration":
        if value and value < 1:
            return _decimal(value / 0.001) + "ms"
        units: dict[str, float] = {unit: DURATIONS[unit] for unit in ("d", "h", "m", "s")}
    elif setting.type == "size":
        units = {unit: SIZES[unit] for unit in ("TiB", "GiB", "MiB", "KiB", "B")}
    else:
        return f"{value:.15g}" if setting.type == "float" else _decimal(value)
    unit = next((unit for unit, size in units.items() if value and value % size == 0), list(units)[-1])
    return _decimal(value / units[unit]) + unit


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _str(setting: Setting, text: str, here: Path) -> str:
    return text


def _bool(setting: Setting, text: str, here: Path) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ValueError(_wanted(setting))
    return _BOOLEANS[text.lower()]


def _int(setting: Setting, text: str, here: Path) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(_wanted(setting))
    return int(text)


def _float(setting: Setting, text: str, here: Path) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(_wanted(setting))
    return float(text)


def _duration(setting: Setting, text: str, here: Path) -> float:
    number, factor = _quantity(setting, text, DURATIONS)
    return number * factor


def _size(setting: Setting, text: str, here: Path) -> int:
    number, factor = _quantity(setting, text, _SIZES_BY_LOWER)
    return math.floor(number * factor)


def _quantity(setting: Setting, text: str, units: Mapping[str, float]) -> tuple[float, float]:
    found = _QUANTITY.fullmatch(text)
    if found is None or found[2].lower() not in units:
        raise ValueError(_wanted(setting))
    return float(found[1]), units[found[2].lower()]


def _path(setting: Setting, text: str, here: Path) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("a path without ~, because that home folder is unknown") from error
    return here / path


def _choice(setting: Setting, text: str, here: Path) -> str:
    choices = setting.choices or ()
    if text not in choices:
        near = get_close_matches(text.lower(), choices, 1)
        raise ValueError(_wanted(setting) + (f" (did you mean {near[0]}?)" if near else ""))
    return text


def _url(setting: Setting, text: str, here: Path) -> str:
    found = _URL.fullmatch(text)
    if found is None:
        raise ValueError(_wanted(setting))
    dialect, driver, rest = found[1].lower(), (found[2] or "").lower(), found[3]
    if setting.choices and dialect not in setting.choices:
        near = "postgresql" if dialect == "postgres" else "".join(get_close_matches(dialect, setting.choices, 1))
        raise ValueError(_wanted(setting) + (f" (did you mean {near}://?)" if near else ""))
    if driver and driver not in _DRIVERS.get(dialect, (driver,)):
        raise ValueError(f"{dialect}:// without a driver: mlserve brings its own")
    if dialect == "sqlite":
        return _sqlite_url(rest, here)
    return text


def _sqlite_url(rest: str, here: Path) -> str:
    """An SQLite URL with an absolute path: a file that depended on the working directory would be lost some day."""
    path, question, query = rest.partition("?")
    if not path.startswith("/"):
        raise ValueError("sqlite:/// with three slashes and the path of a file, such as sqlite:///var/mlserve.db")
    if path[1:] in ("", ":memory:") or "mode=memory" in query:
        raise ValueError("the path of a file, because SQLite in memory keeps nothing, such as sqlite:///var/mlserve.db")
    return f"sqlite:///{here / path[1:]}{question}{query}"


def _wanted(setting: Setting) -> str:
    """What to write: the type in words, the limits, and an example."""
    example = "" if setting.type in ("choice", "bool") else setting.example or setting.default_text
    such_as = f", such as {example}" if example else ""
    return _words(setting) + _limits(setting) + such_as


def _words(setting: Setting) -> str:
    match setting.type:
        case "choice":
            return "one of " + ", ".join(setting.choices or ())
        case "url":
            return "a URL" + (
                " that begins " + " or ".join(f"{c}://" for c in setting.choices or ()) if setting.choices else ""
            )
        case "duration":
            return "a duration with its unit (ms, s, m, h, d)"
        case "size":
            return "a size with its unit (B, KiB, MiB, GiB)"
        case "int":
            return "a whole number"
        case "float":
            return "a number"
        case "bool":
            return "true or false"
        case "path":
            return "a path"
        case _:
            return "a text"


def _limits(setting: Setting) -> str:
    if setting.minimum is None:
        return "" if setting.maximum is None else f" of at most {in_words(setting, setting.maximum)}"
    if setting.maximum is None:
        return f" of at least {in_words(setting, setting.minimum)}"
    return f" from {in_words(setting, setting.minimum)} to {in_words(setting, setting.maximum)}"


_PARSERS: Final[dict[SettingType, Callable[[Setting, str, Path], Any]]] = {
    "str": _str,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "duration": _duration,
    "size": _size,
    "path": _path,
    "choice": _choice,
    "url": _url,
}
