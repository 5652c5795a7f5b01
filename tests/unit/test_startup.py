"""From settings to an application: alone or inside another, looked at or served, right or told why not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationExecutionError

from mlserve import main
from mlserve.errors import ConfigurationError
from mlserve.part import Part
from mlserve.startup import LOOKING, application_settings, build, looks_only, one_sentence
from mlserve.types import ATTRIBUTES, Request
from tests.factories import linear_model, settings_of

ROOT = Path(__file__).parents[2]


def test_building_opens_and_starts_nothing(tmp_path: Path) -> None:
    config = build(settings_of(tmp_path, models={"line": tmp_path / "not-there.linear"}), here=None)
    application = config.registry.mlserve
    assert application.alone
    assert not application.started
    assert not hasattr(application, "database")
    assert list(tmp_path.iterdir()) == []


def test_relative_paths_start_at_the_folder_of_the_ini(tmp_path: Path) -> None:
    settings = build({"mlserve.var": "kept"}, here=str(tmp_path)).registry.mlserve.settings
    assert settings["mlserve.var"] == tmp_path / "kept"
    assert settings["mlserve.database.url"] == f"sqlite:///{tmp_path}/kept/mlserve.db"


def test_the_environment_overrides_the_ini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSERVE__LIMITS__INSTANCES", "7")
    assert build({"mlserve.limits.instances": "9"}, here=str(tmp_path)).registry.mlserve.limits.instances == 7


def test_another_environment_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSERVE__LIMITS__INSTANCES", "7")
    given = {"MLSERVE__LIMITS__PROBLEMS": "3"}
    limits = build({"mlserve.limits.instances": "9"}, here=str(tmp_path), environ=given).registry.mlserve.limits
    assert (limits.instances, limits.problems) == (9, 3)
    assert build({}, here=str(tmp_path), environ={}).registry.mlserve.limits.instances != 7


def test_an_application_serves_unless_it_is_built_to_look(tmp_path: Path) -> None:
    assert build({}, here=str(tmp_path)).registry.mlserve.part is Part.SERVER
    assert build({}, here=str(tmp_path), part=Part.COMMAND).registry.mlserve.part is Part.COMMAND
    embedder = Configurator(settings={"mlserve.var": tmp_path})
    embedder.include("mlserve")
    assert embedder.registry.mlserve.part is Part.SERVER


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (3, "3"), (2.5, "2.5"), (Path("/a"), "/a"), ("x", "x")]
)
def test_a_configurator_may_give_other_values_than_text(value: object, text: str) -> None:
    read = application_settings({"mlserve.some.key": value, "their.key": [1], "their.text": "t"})
    assert read == {"mlserve.some.key": text, "their.text": "t"}


@pytest.mark.parametrize("value", [None, ["xgboost"], b"x"])
def test_a_value_that_has_no_text_is_refused_by_name(value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"mlserve\.plugins is .*, of the type {type(value).__name__}: write"):
        application_settings({"mlserve.plugins": value})


def test_numbers_and_paths_of_an_embedder_are_taken(tmp_path: Path) -> None:
    config = Configurator(settings={"mlserve.limits.instances": 7, "mlserve.var": tmp_path / "kept"})
    config.include("mlserve")
    settings = config.registry.mlserve.settings
    assert (settings["mlserve.limits.instances"], settings["mlserve.var"]) == (7, tmp_path / "kept")


def test_a_request_has_the_same_attributes_in_both_kinds() -> None:
    assert all(hasattr(getattr(Request, name), "wrapped") for name in ATTRIBUTES)


@pytest.mark.parametrize("command", LOOKING)
def test_pyramid_s_commands_only_look(command: str, tmp_path: Path) -> None:
    assert looks_only({"__script__": command})
    app = main({"__script__": command}, **settings_of(tmp_path, models={"line": linear_model(tmp_path)}))
    assert not app.registry.mlserve.started


def test_serving_is_not_looking() -> None:
    assert not looks_only({"__script__": "pserve"})
    assert not looks_only({})


def fail(error: Exception) -> str:
    with pytest.raises(SystemExit) as ended, one_sentence():
        raise error
    return str(ended.value)


def test_a_mistake_ends_the_process_with_its_sentence() -> None:
    assert fail(ConfigurationError("write this.")) == "mlserve cannot start: write this."
    wrapped = ConfigurationExecutionError(ConfigurationError, ConfigurationError("write that."), "line 3")
    assert fail(wrapped) == "mlserve cannot start: write that."
    assert "claim the same name" in fail(ConfigurationConflictError({}))


def test_a_bug_stays_a_traceback() -> None:
    with pytest.raises(ZeroDivisionError), one_sentence():
        raise ZeroDivisionError
    bug = ConfigurationExecutionError(ZeroDivisionError, ZeroDivisionError(), "line 3")
    with pytest.raises(ConfigurationExecutionError), one_sentence():
        raise bug


CODE = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
from mlserve import main
app = main({}, **dict(item.split("=", 1) for item in sys.argv[2:]))
application = app.registry.mlserve
application.at_stop(lambda: print("stopped", flush=True))
print("started", application.started, flush=True)
if sys.argv[1] == "SIGTERM":
    os.kill(os.getpid(), signal.SIGTERM)
    print("never said", flush=True)
"""


@pytest.mark.parametrize("end", ["SIGTERM", "normal"])
def test_it_stops_in_order_however_the_process_ends(tmp_path: Path, end: str) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    command = [sys.executable, "-c", CODE, end, *(f"{key}={value}" for key, value in settings.items())]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "packages")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["started True", "stopped"]


def test_a_handler_that_is_there_already_stays(tmp_path: Path) -> None:
    def theirs(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGTERM, theirs)
    try:
        app = main({}, **settings_of(tmp_path, models={}))
        assert signal.getsignal(signal.SIGTERM) is theirs
        app.registry.mlserve.stop()
    finally:
        signal.signal(signal.SIGTERM, before)
