"""What must hold for every bundled family: its library's own answers under load, and no memory that stays."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve.signature import OutputField
from mlserve.signature.batch import DTYPES
from mlserve.signature.fields import FLOATS
from mlserve.testing.server import PATIENCE, RunningServer
from tests.plugins.samples import ROOT, SAMPLES, Sample, sample_of
from tests.plugins.test_bundled import BUNDLED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONNECTIONS = 16
INSTANCES = 48
SIZES = (1, 3, 12)
ROUNDS = 3
FIRST, LAST = 50, 200
MOST = 1.05

Answers = Mapping[str, list[Any]]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return [sample_of(plugin, tmp_path_factory.mktemp(plugin), INSTANCES) for plugin in SAMPLES]


def test_every_bundled_family_has_samples() -> None:
    families = {folder.name for folder in BUNDLED if "add_model_family" in text_of(folder)}
    assert families - SAMPLES.keys() == {"template"}, "Each has plugins/NAME/tests/NAME_samples.py: see samples.py."


def text_of(folder: Path) -> str:
    return (folder / f"mlserve_{folder.name}" / "__init__.py").read_text(encoding="utf-8")


def test_sixteen_connections_get_the_libraries_own_answers(samples: list[Sample], tmp_path: Path) -> None:
    models = {f"model-{sample.plugin}": sample for sample in samples}
    expected = {name: library_s(sample) for name, sample in models.items()}
    with RunningServer(tmp_path, settings_for(tmp_path, models), threads=CONNECTIONS) as server:
        together = threading.Barrier(CONNECTIONS)

        def ask(number: int) -> list[str]:
            connection, wrong = HTTPConnection(*server.address, timeout=PATIENCE), []
            together.wait()
            for turn, name in product(range(ROUNDS), models):
                size = SIZES[(turn + number) % len(SIZES)]
                first = (number * 5 + turn * 7) % (INSTANCES - size)
                rows = range(first, first + size)
                answered = posted(connection, name, [models[name].instances[row] for row in rows])
                wrong += differences(models[name], expected[name], answered, rows)
            connection.close()
            return wrong

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            wrong = [found for told in pool.map(ask, range(CONNECTIONS)) for found in told]
        assert wrong == []
        assert server.stop() == 0


def settings_for(folder: Path, models: Mapping[str, Sample]) -> dict[str, str]:
    """One server of all: what each needs, put together."""
    settings: dict[str, str] = {}
    for sample in models.values():
        more = {key: value for key, value in sample.settings.items() if not key.startswith("mlserve.models.")}
        for key in ("mlserve.plugins", "mlserve.trust.digests"):
            more[key] = " ".join(filter(None, (settings.get(key), more.get(key))))
        settings |= more
    settings |= {f"mlserve.models.{name}": str(sample.subject.artefact) for name, sample in models.items()}
    return {**settings, "mlserve.var": str(folder / "var")}


def library_s(sample: Sample) -> Answers:
    """The library's own answers as JSON has them: categories by their words."""
    found = sample.module.library_answers(sample.subject.artefact, list(sample.instances))
    outputs = {output.name: output for output in sample.subject.signature.outputs}
    assert found, f"{sample.plugin}: library_answers gives no output"
    return {name: [_worded(outputs[name], value) for value in values] for name, values in found.items()}


def _worded(output: OutputField, value: Any) -> Any:
    by_number = output.type == "category" and isinstance(value, int | np.integer)
    return output.categories[int(value)] if by_number else value


def posted(connection: HTTPConnection, name: str, instances: Sequence[Any]) -> list[Mapping[str, Any]]:
    body = json.dumps({"instances": instances})
    connection.request("POST", f"/api/v1/models/{name}/predictions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    assert response.status == 200, f"{name}: {text.decode()[:500]}"
    outputs: list[Mapping[str, Any]] = json.loads(text)["outputs"]
    return outputs


def differences(
    sample: Sample, expected: Answers, answered: Sequence[Mapping[str, Any]], rows: Sequence[int]
) -> list[str]:
    """Where an answer is not the library's: to the bit, or within the tolerance that the samples state."""
    outputs = {output.name: output for output in sample.subject.signature.outputs}
    found = []
    for (name, values), (at, row) in product(expected.items(), enumerate(rows)):
        given = answered[at][name]
        if isinstance(given, dict):  # Numbers by the names of the classes.
            given = [given[category] for category in outputs[name].categories]
        if not same(outputs[name].type, values[row], given, sample.tolerance):
            found.append(f"{sample.plugin}: {name} of row {row} is {given}, the library's {values[row]}")
    return found


def same(kind: str, expected: Any, answered: Any, tolerance: float) -> bool:
    """Whether an answer in JSON is the library's value, as the type of the output holds it."""
    if kind in FLOATS:
        theirs, ours = (np.array(value, np.float64).astype(DTYPES[kind]) for value in (expected, answered))
        theirs = np.where(np.isfinite(theirs), theirs, np.nan)  # In JSON the others are null.
        return bool(np.allclose(ours, theirs, rtol=tolerance, atol=tolerance, equal_nan=True))
    return bool(np.array_equal(np.array(expected, object), np.array(answered, object)))


@pytest.mark.parametrize(
    "plugin", [pytest.param(name, marks=() if name == "xgboost" else pytest.mark.exhaustive) for name in SAMPLES]
)
def test_loading_and_unloading_keeps_no_memory(plugin: str, tmp_path: Path) -> None:
    """In a process of its own, which no other test has filled before."""
    sample = sample_of(plugin, tmp_path, 3)
    settings = {key: value for key, value in sample.settings.items() if key != "mlserve.plugins"}
    asked = [plugin, str(sample.subject.artefact), json.dumps(settings), json.dumps(sample.instances)]
    command = [sys.executable, "-W", "ignore", "-m", "tests.plugins.cycles", *asked, str(FIRST), str(LAST)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, f"{plugin} ends with {done.returncode}: {done.stderr[-2000:]}"
    first, last = json.loads(done.stdout.splitlines()[-1])
    print(f"{plugin}: {first / 1e6:.1f} MB after {FIRST} cycles, {last / 1e6:.1f} MB after {LAST}")
    assert last <= MOST * first, f"{first / 1e6:.1f} MB grew to {last / 1e6:.1f} MB"
