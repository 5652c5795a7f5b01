from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.settings.setting import Setting, SettingType
from mlserve.settings.values import in_words, parse, shown

HERE = Path("/etc/mlserve")


def setting(type_: SettingType, **more: Any) -> Setting:
    more.setdefault("default", "")
    return Setting("mlserve.test.value", type_, help="A value.", **more)


DATABASE = setting("url", choices=("sqlite", "postgresql"))
WAY = setting("choice", choices=("sql", "process", "off"))


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("str", " a b ", "a b"),
        ("bool", "Yes", True),
        ("bool", "off", False),
        ("int", "-12", -12),
        ("float", "0.26", 0.26),
        ("float", "-1", -1.0),
        ("float", ".5", 0.5),
        ("float", "1e-6", 1e-6),
        ("duration", "250ms", 0.25),
        ("duration", "1.5 h", 5400.0),
        ("duration", "7d", 604800.0),
        ("size", "8MiB", 2**23),
        ("size", "8mib", 2**23),
        ("size", "1.5KiB", 1536),
        ("size", "1MB", 10**6),
        ("path", "a/../b", HERE / "a/../b"),
        ("path", "/a", Path("/a")),
        ("path", "~", Path.home()),
        ("list", "a b,c\n  d, ", ("a", "b", "c", "d")),
        ("list", "", ()),
        ("str", "", None),
    ],
)
def test_a_value_of_each_type(type_: SettingType, text: str, value: Any) -> None:
    parsed = parse(setting(type_), text, HERE)

    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("type_", "text", "what"),
    [
        ("bool", "maybe", "true or false"),
        ("int", "1.0", "a whole number"),
        ("int", "1_000", "a whole number"),
        ("int", "٣", "a whole number"),
        ("int", "9" * 5000, "a whole number"),
        ("float", "0,26", "a number"),
        ("float", "nan", "a number"),
        ("float", "1e999", "a number"),
        ("float", "9" * 5000, "a number"),
        ("duration", "5", "a duration with its unit (ms, s, m, h, d)"),
        ("duration", "5 weeks", "a duration with its unit (ms, s, m, h, d)"),
        ("duration", "-5s", "a duration with its unit (ms, s, m, h, d)"),
        ("duration", "nan s", "a duration with its unit (ms, s, m, h, d)"),
        ("size", "8388608", "a size with its unit (B, KiB, MiB, GiB)"),
        ("path", "~nobody-of-that-name/x", "a path without ~, because that home folder is unknown"),
        ("path", "a\nb", "a path, on one line (an indented line continues the one above it)"),
        ("path", "a\0b", "a path, on one line (an indented line continues the one above it)"),
        ("url", "mlserve.db", "a URL"),
    ],
)
def test_what_to_write_instead(type_: SettingType, text: str, what: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(setting(type_), text, HERE)

    assert str(caught.value) == what


@pytest.mark.parametrize(("text", "near"), [("proces", "process"), ("SQL", "sql"), ("zzz", None)])
def test_a_choice(text: str, near: str | None) -> None:
    with pytest.raises(ValueError) as caught:
        parse(WAY, text, HERE)

    assert str(caught.value) == "one of sql, process, off" + (f" (did you mean {near}?)" if near else "")
    assert parse(WAY, "process", HERE) == "process"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sqlite:///var/x.db", "sqlite:////etc/mlserve/var/x.db"),
        ("sqlite:////data/x.db?timeout=1", "sqlite:////data/x.db?timeout=1"),
        ("postgresql://u:p@host/db?x=1", "postgresql://u:p@host/db?x=1"),
        ("postgresql+psycopg://host/db", "postgresql+psycopg://host/db"),
        ("postgresql://postgres:@/postgres?host=/run/pg", "postgresql://postgres:@/postgres?host=/run/pg"),
    ],
)
def test_a_database_url(text: str, value: str) -> None:
    assert parse(DATABASE, text, HERE) == value


BEGINS = "a URL that begins sqlite:// or postgresql://"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mysql://u@host/db", BEGINS),
        ("postgres://u@host/db", f"{BEGINS} (did you mean postgresql://?)"),
        ("sqllite:///x", f"{BEGINS} (did you mean sqlite://?)"),
        ("postgresql+asyncpg://host/db", "postgresql:// without a driver: mlserve brings its own"),
        ("sqlite://x.db", "sqlite:/// with three slashes and the path of a file, such as sqlite:///var/mlserve.db"),
        (
            "sqlite:///:memory:",
            "the path of a file, because SQLite in memory keeps nothing, such as sqlite:///var/mlserve.db",
        ),
    ],
)
def test_a_url_that_is_no_database_of_ours(text: str, what: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(DATABASE, text, HERE)

    assert str(caught.value) == what


@pytest.mark.parametrize(
    ("limits", "text", "what"),
    [
        ({"minimum": 1}, "0", "a whole number of at least 1"),
        ({"maximum": 9}, "10", "a whole number of at most 9"),
        ({"minimum": 0}, "-1", "a whole number of at least 0"),
        ({"minimum": 0, "maximum": 9}, "-1", "a whole number from 0 to 9"),
        ({"minimum": 4, "maximum": 9}, "3", "a whole number from 4 to 9"),
        ({"minimum": 4, "maximum": 9, "default": 5}, "10", "a whole number from 4 to 9, such as 5"),
    ],
)
def test_limits(limits: dict[str, Any], text: str, what: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(setting("int", **limits), text, HERE)

    assert str(caught.value) == what


def test_limits_of_a_number() -> None:
    threshold = setting("float", minimum=1e-9, maximum=1, default=0.26)
    assert parse(threshold, "1", HERE) == 1
    with pytest.raises(ValueError) as caught:
        parse(threshold, "1.5", HERE)
    assert str(caught.value) == "a number from 1e-09 to 1, such as 0.26"


@pytest.mark.parametrize(
    "text", ["postgresql://user:secret@host/db", "postgres://:secret@h", "x://h/db?user=u&password=secret&a=b"]
)
def test_a_password_is_never_shown(text: str) -> None:
    assert "secret" not in shown(DATABASE, text)
    assert "***" in shown(DATABASE, text)


def test_a_long_value_is_shown_cut() -> None:
    assert len(shown(setting("str"), "x" * 10_000)) < 300


@given(st.floats(0.001, 1e6) | st.integers(0, 10**7))
def test_a_duration_in_words_reads_back(value: float) -> None:
    duration = setting("duration")

    assert parse(duration, in_words(duration, value), HERE) == pytest.approx(value, rel=1e-5)


@given(st.integers(0, 2**20))
def test_a_size_in_words_reads_back(value: int) -> None:
    size = setting("size")

    assert parse(size, in_words(size, value), HERE) == pytest.approx(value, rel=1e-5)


@given(st.text(max_size=30), st.sampled_from(["bool", "int", "duration", "size", "path", "list", "url", "choice"]))
def test_any_text_is_a_value_or_a_value_error(text: str, type_: SettingType) -> None:
    with suppress(ValueError):
        parse(setting(type_, choices=("sqlite",)), text, HERE)
