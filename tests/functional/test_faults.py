"""A plugin that fails is named in health, log and error, and takes no model of another one down."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mlserve import cli
from mlserve.errors import ConfigurationError
from tests.factories import Served, linear_model, serving, settings_of, until

FAMILY = """
from mlserve_linear.family import LinearFamily
from mlserve.predictions.resources import PredictionsResource
from mlserve.settings import Setting
MLSERVE_API = (1, 0)
class Broken(LinearFamily):
    name = "broken"
    formats = (".broken",)
class BrokenPredictions(PredictionsResource):
    family = "broken"
def includeme(config):
    config.add_setting(Setting("mlserve.broken.decimals", "int", 2, "Decimals."))
    config.add_model_family("broken", Broken)
    config.add_model_resource("predictions", BrokenPredictions)
"""
# What a plugin's module holds, and what of it has failed with what.
FAULTS: dict[str, tuple[str, str]] = {
    "at its import": ("MLSERVE_API = (1, 0)\n1 / 0\n", "import: ZeroDivisionError"),
    "by leaving at its import": ("import sys\nsys.exit(3)\n", "import: SystemExit"),
    "for want of a library": ("import a_library_that_is_not_there\n", "import: ModuleNotFoundError"),
    "at the end of its includeme": (
        FAMILY + "    config.add_route('half', '/half')\n    config.include('pyramid_jinja2')\n    {}['half']\n",
        "includeme: KeyError",
    ),
    "in its family's factory": (
        FAMILY.replace('"broken", Broken)', '"broken", lambda: {}["factory"])'),
        "model family broken: KeyError",
    ),
    "in a view that it registers": (
        FAMILY + "    config.add_view(lambda request: None, nonsense=True)\n",
        "includeme: ConfigurationError",
    ),
    "at the start": (
        FAMILY + "    config.registry.mlserve.at_start(lambda: {}['start'])\n",
        "start: KeyError",
    ),
    "in its migrations": (
        FAMILY + "    config.add_migrations('broken_migrations:versions')\n",
        "migrations: OperationalError",
    ),
}
MIGRATION = """
from alembic import op
revision, down_revision, branch_labels = "broken_0001", None, ("broken",)
def upgrade():
    op.execute("CREATE NONSENSE")
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a plugin's module, and gives its name: one of its own, since modules stay imported."""
    count = 0

    def write(text: str) -> str:
        nonlocal count
        count += 1
        name = f"faulty_{tmp_path.name}_{count}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    folder = tmp_path / "broken_migrations" / "versions"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").touch()
    (folder / "0001_nonsense.py").write_text(MIGRATION)
    monkeypatch.syspath_prepend(tmp_path)
    return write


def broken_model(folder: Path) -> Path:
    return linear_model(folder, name="other").rename(folder / "other.broken")


def settings(folder: Path, plugin: str, **more: str) -> dict[str, str]:
    models = {"line": linear_model(folder), "other": broken_model(folder)}
    made = settings_of(folder, models=models, health__interval="20ms", broken__decimals="1", **more)
    made["mlserve.plugins"] = f"{plugin} mlserve_linear"
    return made


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plugin_that_fails_is_named_and_takes_nothing_down(
    fault: str, tmp_path: Path, plugin: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    text, told = FAULTS[fault]
    name = plugin(text)
    with serving(settings(tmp_path, name)) as app:
        assert app.predict("line", [[1, 2]]).json["outputs"] == [{"value": 1.0}]
        refused = app.predict("other", [[1, 2]], status=503).json
        assert refused["code"] == "model_not_ready"
        assert f"the plugin {name} has failed ({told})" in refused["detail"]
        until(lambda: app.get("/health/ready", status="*").json["status"] == "degraded")
        checks = app.get("/health/ready").json["checks"]
        assert checks["plugins"]["failed"] == {name: f"the plugin {name} has failed ({told})"}
        assert checks["plugins"]["plugins"] == {"mlserve_linear": "ok", name: "failed"}
        assert checks["models"]["models"] == {"line": "ready", "other": "failed"}
        (logged,) = (record for record in caplog.records if record.message == "plugin_failed")
        assert logged.fields["plugin"] == name  # type: ignore[attr-defined]
        assert logged.exc_info is not None
        # Whatever looks at all models looks at this one too.
        names = [model["name"] for model in app.get("/api/v1/models").json["models"]]
        assert names == ["line", "other"]
        assert app.get("/api/v1/models/other").json["state"] == "failed"
        for page in ("/", "/models/other", "/api/v1/openapi.json", "/api/v1/models/other/versions", "/metrics"):
            app.get(page, status=[200, 404])


def test_half_an_includeme_leaves_nothing(tmp_path: Path, plugin: Callable[[str], str]) -> None:
    name = plugin(FAULTS["at the end of its includeme"][0])
    with serving(settings(tmp_path, name)) as app:
        app.get("/half", status=404)
        application = app.application
        assert "mlserve.broken.decimals" not in application.settings
        assert application.families.get("broken") is None
        assert list(application.plugins) == ["mlserve_linear"]
        assert ("broken", "predictions") not in application.model_resources


def test_a_model_that_was_registered_before_answers_503_until_its_plugin_is_well_again(
    tmp_path: Path, plugin: Callable[[str], str]
) -> None:
    keys = settings(tmp_path, plugin(FAMILY))
    with serving(keys) as app:
        app.predict("other", [[1, 2]])
    # Deployed, and not declared: other servers are asked for such a model where its family is only switched off.
    del keys["mlserve.models.other"]
    keys["mlserve.plugins"] = f"{plugin(FAULTS['at its import'][0])} mlserve_linear"
    with serving(keys) as app:
        detail = app.predict("other", [[1, 2]], status=503).json["detail"]
        assert "It is of family broken, which is not here: the plugin faulty_" in detail
        assert app.predict("line", [[1, 2]]).json["outputs"] == [{"value": 1.0}]
        until(lambda: app.get("/health/ready", status="*").json["status"] == "degraded")
    keys["mlserve.plugins"] = f"{plugin(FAMILY)} mlserve_linear"
    with serving(keys) as app:
        app.predict("other", [[1, 2]])


@pytest.mark.parametrize("fault", ["at its import", "at the end of its includeme", "in its family's factory"])
def test_check_and_plugins_tell_the_fault(fault: str, tmp_path: Path, plugin: Callable[[str], str]) -> None:
    name = plugin(FAULTS[fault][0])
    keys = "".join(f"{key} = {value}\n" for key, value in settings(tmp_path, name).items())
    ini = tmp_path / "server.ini"
    server = "[server:main]\nuse = egg:pyramid-mlserve#waitress\n"
    ini.write_text(f"[app:main]\nuse = egg:pyramid-mlserve\n{keys}{server}")
    checked = CliRunner().invoke(cli.main, ["check", str(ini)])
    assert checked.exit_code == 1
    assert f"mlserve.plugins names '{name}', whose " in checked.output
    assert f"{name}.py, line " in checked.output
    listed = CliRunner().invoke(cli.main, ["plugins", str(ini)])
    assert listed.exit_code == 0
    (row,) = (line for line in listed.output.splitlines() if line.startswith(f"{name} "))
    assert row.split()[-2:] == ["1.0", "failed"]
    assert f"{name}: its " in listed.output
    assert "mlserve_linear" in listed.output


def test_a_family_that_raises_of_a_declared_model_is_its_fault_alone(
    tmp_path: Path, plugin: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("inspect", "load"):
        for cause in ("1 / 0", "raise SystemExit(3)"):
            fails = f'    formats = (".broken",)\n    def {method}(self, *arguments): {cause}\n'
            name = plugin(FAMILY.replace('    formats = (".broken",)\n', fails))
            folder = tmp_path / name
            folder.mkdir()
            with serving(settings(folder, name)) as app:
                assert app.predict("line", [[1, 2]]).json["outputs"] == [{"value": 1.0}]
                assert "the family broken fails" in app.predict("other", [[1, 2]], status=503).json["detail"]
                until(lambda app=app: app.get("/health/ready", status="*").json["status"] == "degraded")
                assert app.get("/health/ready").json["checks"]["models"]["not_as_declared"] == ["other"]


def test_a_check_of_a_plugin_takes_its_own_models_down_only(tmp_path: Path, plugin: Callable[[str], str]) -> None:
    name = plugin(FAMILY + "    config.add_health_check('broken', lambda: {}['check'])\n")
    keys = settings(tmp_path, name)
    with serving(keys) as app:
        until(lambda: app.get("/health/ready", status="*").json["checks"]["broken"]["state"] == "failed")
        until(lambda: app.get("/health/ready", status="*").json["status"] == "degraded")
    alone = tmp_path / "alone"
    alone.mkdir()
    keys = settings(alone, name)
    del keys["mlserve.models.line"]
    with serving(keys) as app:
        until(lambda: app.get("/health/ready", status="*").json["checks"]["broken"]["state"] == "failed")
        app.get("/health/ready", status=503)


HANGING = FAMILY.replace(
    '    formats = (".broken",)\n',
    '    formats = (".broken",)\n'
    "    def load(self, path, signature, settings):\n"
    "        import pathlib, time\n"
    "        while (pathlib.Path(__file__).parent / 'hold').exists():\n"
    "            time.sleep(0.005)\n"
    "        found = super().load(path, signature, {'decimals': 3})\n"
    "        found.close = (pathlib.Path(__file__).parent / 'closed').touch\n"
    "        return found\n",
)


def test_a_model_that_hangs_at_load_keeps_no_other_waiting(
    tmp_path: Path, plugin: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "hold").touch()
    keys = settings(tmp_path, plugin(HANGING), load__patience="50ms", registry__interval="20ms")
    with serving(keys) as app:
        assert app.predict("line", [[1, 2]]).json["outputs"] == [{"value": 1.0}]
        assert "is being loaded" in app.predict("other", [[1, 2]], status=503).json["detail"]
        until(lambda: app.get("/health/ready", status="*").json["status"] == "degraded")
        assert "version_late" in [record.message for record in caplog.records]
        redeploy(app)
        (tmp_path / "hold").unlink()
        until(lambda: app.predict("other", [[1, 2]], status="*").status_int == 200)
        until(lambda: app.get("/health/ready", status="*").json["status"] == "ok")


def redeploy(app: Served) -> None:
    """Let another alias of the model that is well lead to its version: the registry is followed meanwhile."""
    app.put_json("/api/v1/models/line/aliases/shadow", {"version": 1}, headers={"If-None-Match": "*"})
    until(lambda: "shadow" in app.application.live.get("line").aliases)


def test_a_start_with_a_hanging_model_ends(tmp_path: Path, plugin: Callable[[str], str]) -> None:
    (tmp_path / "hold").touch()
    keys = settings(tmp_path, plugin(HANGING), load__patience="50ms")
    with serving(keys) as app:
        app.predict("line", [[1, 2]])
    assert not (tmp_path / "closed").exists()
    (tmp_path / "hold").unlink()
    until((tmp_path / "closed").exists)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("load-")])


DYING = FAMILY.replace(
    '    formats = (".broken",)\n',
    '    formats = (".broken",)\n'
    "    def load(self, path, signature, settings):\n"
    "        import os\n"
    "        os.kill(os.getpid(), 11)\n",
)


@pytest.mark.exhaustive
def test_a_model_that_crashes_its_process_crashes_no_server_where_each_is_tried_first(
    tmp_path: Path, plugin: Callable[[str], str]
) -> None:
    name = plugin(DYING)
    keys = settings(tmp_path, name, load__verify="yes")
    with pytest.raises(ConfigurationError, match=r"mlserve\.models\.other = .*ended with SIGSEGV"), serving(keys):
        pass


# How a predictor misbehaves: its body.
GARBAGE = [
    "None",
    "'value'",
    "[1]",
    "{}",
    "{'value': None}",
    "{'value': object()}",
    "{'value': [[1], [2, 3]]}",
]
RAISED = [
    "SystemExit(3)",
    "KeyboardInterrupt()",
    "MemoryError()",
    "RecursionError()",
    "KeyError('x')",
]


@pytest.mark.parametrize("body", [*(f"return {one}" for one in GARBAGE), *(f"raise {one}" for one in RAISED)])
def test_whatever_a_predictor_does_is_a_500_that_names_the_model(
    body: str, tmp_path: Path, plugin: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    text = FAMILY.replace(
        "class BrokenPredictions",
        f"""
from mlserve_linear.family import LinearPredictor
class Wrong(LinearPredictor):
    def predict(self, batch):
        {body}
    def close(self):
        raise SystemExit(4)
def load(self, path, signature, settings):
    found = LinearFamily.load(self, path, signature, {{'decimals': 3}})
    found.__class__ = Wrong
    return found
Broken.load = load
class BrokenPredictions""",
    )
    answers: list[Any] = []
    with serving(settings(tmp_path, plugin(text))) as app:
        # Not in the main thread: there a KeyboardInterrupt may be the operator's.
        asking = threading.Thread(target=lambda: answers.append(app.predict("other", [[1, 2]] * 2, status="*")))
        asking.start()
        asking.join()
        assert [answer.status_int for answer in answers] == [500]
        assert answers[0].json["code"] == "prediction_failed"
        assert "The broken predictor of other version 1" in answers[0].json["detail"]
        assert app.predict("line", [[1, 2]]).json["outputs"] == [{"value": 1.0}]
    assert "close_failed" in [record.message for record in caplog.records]
