"""What `mlserve.testing` offers, and that nothing else of mlserve needs it or what it needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from mlserve import testing
from mlserve.errors import ConfigurationError
from mlserve.testing import serving, settings_of
from tests.factories import linear_model

CORE = Path(testing.__file__).parents[1]


def test_the_public_names_are_pinned() -> None:
    assert testing.__all__ == [
        "ContractSuite",
        "ModelSuite",
        "ProtocolSuite",
        "Question",
        "RunningServer",
        "Served",
        "instances_of",
        "outcome_of",
        "serving",
        "settings_of",
    ]


def test_the_core_needs_nothing_that_only_tests_have() -> None:
    code = """
import sys
for name in ("webtest", "pytest", "openapi_spec_validator"):
    sys.modules[name] = None
from mlserve.startup import build
build({"mlserve.plugins": "template"}, here=None)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_nothing_else_of_mlserve_imports_it() -> None:
    for path in CORE.rglob("*.py"):
        if path.is_relative_to(CORE / "testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("mlserve.testing"), path


def test_an_application_is_started_and_stopped(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path, plugins="mlserve_linear", models={"line": linear_model(tmp_path)}, linear__decimals="1"
    )
    with serving(settings) as app:
        assert app.predict("line", [{"x": 0.26, "y": 0}], reference="first").json["outputs"] == [{"value": 1.5}]
        assert app.application.started
        assert app.get("/api/v1/models/line/predictions").json["predictions"][0]["reference"] == "first"
    assert not app.application.started


def test_a_start_that_fails_raises_what_a_server_says(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, plugins="mlserve_linear", models={"line": tmp_path / "none.linear"})
    with pytest.raises(ConfigurationError, match=r"mlserve\.models\.line"), serving(settings):
        pass


def test_configure_adds_to_the_application(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, plugins="mlserve_linear", models={})
    with serving(settings, lambda config: config.add_settings({"theirs": "1"})) as app:
        assert app.app.registry.settings["theirs"] == "1"
