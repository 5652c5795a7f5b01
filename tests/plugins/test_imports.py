"""Families are imported only when a model of theirs is loaded: what an enabled plugin costs a server without one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlserve.plugins import installed
from mlserve.testing import settings_of
from tests.plugins.samples import ROOT, SAMPLES, sample_of
from tests.plugins.test_bundled import BUNDLED

pytestmark = pytest.mark.slow

LIBRARIES = {
    "PIL",
    "ai_edge_litert",
    "joblib",
    "lightgbm",
    "onnx",
    "onnxruntime",
    "pandas",
    "scipy",
    "sklearn",
    "skops",
    "threadpoolctl",
    "xgboost",
    "yaml",
}
# Of these, what a model needs to answer. XGBoost and LightGBM are called in C, without their Python packages.
OWN = {
    "lightgbm": set(),
    "onnx": {"onnxruntime"},
    "python": set(),
    "sklearn": {"joblib", "pandas", "scipy", "sklearn", "skops", "threadpoolctl"},
    "tflite": {"PIL", "ai_edge_litert"},
    "xgboost": set(),
}
# `test_bundled.py` says where one of them is not installed.
ALL = " ".join(sorted({folder.name for folder in BUNDLED} & installed().keys()))

# Starts an application on these settings, asks it what there is to ask without a model, or with one, and tells what it
# has imported by then and how many bytes are resident.
_SERVE = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import mlserve
settings, requests = json.loads(sys.argv[1]), json.loads(sys.argv[2])
wsgi = mlserve.main({}, **settings)
from webtest import TestApp
app = TestApp(wsgi)
status = [app.get(path).status_int for path in ("/health/ready", "/", "/api/v1/models", "/api/v1/openapi.json")]
status += [app.post_json(path, body, status="*").status_int for path, body in requests]
resident = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
wsgi.registry.mlserve.stop()
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules}), resident]))
"""


def served(settings: dict[str, str], *requests: tuple[str, Any]) -> tuple[set[str], int]:
    """The packages that a fresh process has imported, and its resident bytes."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _SERVE, json.dumps(settings), json.dumps(requests)]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    status, packages, resident = json.loads(done.stdout.splitlines()[-1])
    assert set(status) == {200}
    return set(packages), resident


def test_all_plugins_without_a_model_import_no_library(tmp_path: Path) -> None:
    packages, resident = served(settings_of(tmp_path / "all", plugins=ALL, models={}))
    assert packages >= {f"mlserve_{plugin}" for plugin in ALL.split()}
    assert packages & LIBRARIES == set()
    _, alone = served(settings_of(tmp_path / "none", plugins="", models={}))
    print(f"{resident / 1e6:.1f} MB with {ALL} enabled, {alone / 1e6:.1f} MB with none")
    assert resident <= 1.25 * alone


@pytest.mark.parametrize(
    "plugin", [pytest.param(name, marks=() if name == "onnx" else pytest.mark.exhaustive) for name in SAMPLES]
)
def test_a_model_imports_the_libraries_of_its_own_family_only(plugin: str, tmp_path: Path) -> None:
    sample = sample_of(plugin, tmp_path, 3)
    request = ("/api/v1/models/subject/predictions", {"instances": sample.instances})
    packages, resident = served({**sample.settings, "mlserve.plugins": ALL}, request)
    print(f"{plugin}: {resident / 1e6:.1f} MB with a model, and all plugins enabled")
    assert packages & LIBRARIES == OWN[plugin]
