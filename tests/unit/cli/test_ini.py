"""What every verb does with its INI."""

import logging
from pathlib import Path
from typing import Any

import click
import pytest

from mlserve.cli.ini import _warnings_told, app_settings, built, started
from mlserve.errors import ConfigurationError, ModelUnknown
from mlserve.part import Part
from tests.factories import linear_model


def write(folder: Path, text: str) -> Path:
    ini = folder / "a.ini"
    ini.write_text(text)
    return ini


def sound(folder: Path) -> Path:
    return write(
        folder,
        "[app:main]\nuse = egg:pyramid-mlserve\nmlserve.plugins = mlserve_linear\n"
        f"mlserve.models.line = %(here)s/{linear_model(folder).name}\n",
    )


def test_the_settings_are_those_of_the_app_without_its_use(tmp_path: Path) -> None:
    settings = app_settings(sound(tmp_path))
    assert "use" not in settings
    assert settings["mlserve.models.line"] == f"{tmp_path}/line.linear"


@pytest.mark.parametrize("use", ["egg:pyramid-mlserve", "egg:pyramid-mlserve#main"])
def test_the_distribution_may_be_named_with_its_entry_point(tmp_path: Path, use: str) -> None:
    assert app_settings(write(tmp_path, f"[app:main]\nuse = {use}\na = b\n"))["a"] == "b"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[app:main]\nuse = egg:mlserve\n", "use = egg:mlserve (the name mlserve belongs to another project): write"),
        ("[app:main]\nuse = egg:other\n", "use = egg:other: write use = egg:pyramid-mlserve"),
        ("[app:main]\n", "write use = egg:pyramid-mlserve"),
        ("[app:other]\nuse = egg:pyramid-mlserve\n", "no section"),
        ("use = egg:pyramid-mlserve\n", "cannot be read as an INI"),
        ("[app:main]\na = 1\na = 2\n", "cannot be read as an INI"),
        ("[app:main]\nuse = egg:pyramid-mlserve\na = 100%\n", "cannot be read as an INI"),
    ],
)
def test_another_file_is_told_apart(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        app_settings(write(tmp_path, text))
    assert says in str(refused.value)
    assert str(refused.value).endswith(".")


def test_built_is_not_started_and_started_is_stopped(tmp_path: Path) -> None:
    ini = sound(tmp_path)
    with built(ini) as application:
        assert not application.started
        assert application.part is Part.COMMAND
    with started(ini) as application:
        assert application.started
        assert application.part is Part.COMMAND
        assert application.live.get("line").state == "ready"
    assert not application.started


def test_a_failure_of_the_start_and_one_of_the_verb_are_told_apart(tmp_path: Path) -> None:
    ini = sound(tmp_path)
    with pytest.raises(click.ClickException, match="no such"), built(ini):
        raise ModelUnknown("no such model")
    with pytest.raises(click.ClickException), started(ini) as application:
        application.live.get("nope")
    assert not application.started
    (tmp_path / "line.linear").write_text("{}")
    with pytest.raises(SystemExit, match=r"mlserve cannot start: mlserve\.models\.line"), started(ini):
        pass


def test_warnings_are_told_with_their_fields(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(logging.getLogger("mlserve"), "propagate", False)  # pytest itself listens at the root.
    with _warnings_told():
        logging.getLogger("mlserve.registry").error("version_failed", extra={"fields": {"model": "line"}})
        logging.getLogger("mlserve.registry").info("version_loaded")
    (line,) = capsys.readouterr().err.splitlines()
    assert "version_failed" in line
    assert line.endswith("model=line")
    assert not logging.getLogger("mlserve").handlers
