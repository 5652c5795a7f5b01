"""Folders that the real mlflow has written become bundles that answer as MLflow itself does."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from mlserve.application import Application
from mlserve.cli import main
from mlserve.errors import BundleError, ConfigurationError
from mlserve.packaging import application_with, package, verify

FOLDERS = Path(__file__).parent / "folders"
PLUGINS = ["sklearn", "xgboost", "lightgbm", "onnx", "mlflow"]


@pytest.fixture(scope="module")
def application() -> Application:
    return application_with(PLUGINS)


def packed(application: Application, folder: Path, out: Path, **options: Any) -> Any:
    return package(folder, application=application, name="model", trust=True, out=out, **options)


@pytest.mark.parametrize(
    ("name", "family", "inputs", "output"),
    [
        ("sklearn-skops", "sklearn", {"hour": "float64", "distance": "float64"}, "value"),
        (
            "sklearn-pickle",
            "sklearn-pickle",
            {"carrier": "string", "hour": "int64", "distance": "float64"},
            "label",
        ),
        (
            "sklearn-probability",
            "sklearn-pickle",
            {"carrier": "string", "hour": "int64", "distance": "float64"},
            "probability",
        ),
        ("sklearn-array", "sklearn-pickle", {"input": "float64"}, "value"),
        ("xgboost", "xgboost", {"hour": "float32", "distance": "float32"}, "value"),
        ("lightgbm", "lightgbm", {"hour": "float64", "distance": "float64"}, "value"),
        ("onnx", "onnx", {"X": "float32"}, "variable"),
    ],
)
def test_a_folder_becomes_a_bundle_that_answers_as_mlflow_does(
    name: str, family: str, inputs: dict[str, str], output: str, application: Application, tmp_path: Path
) -> None:
    manifest = packed(application, FOLDERS / name, tmp_path / "bundle")
    assert manifest.family == family
    assert {field.name: field.type for field in manifest.signature.inputs} == inputs
    answers = json.loads((FOLDERS / name / "answers.json").read_text())
    golden = {json.dumps(row, sort_keys=True): answer[output] for row, answer in zip(*_golden(manifest), strict=True)}
    found = [golden[json.dumps(row, sort_keys=True)] for row in _example(name, list(inputs))]
    if isinstance(answers[0], str):
        assert found == answers
    else:
        kind = np.dtype(next(field.type for field in manifest.signature.outputs if field.name == output))
        assert np.array_equal(np.array(found, kind), np.array(answers, kind))
    origin = manifest.provenance["imported"]
    assert (origin["tool"], origin["flavour"], origin["mlflow_version"]) == ("mlflow", name.split("-")[0], "3.17.2")


def _golden(manifest: Any) -> tuple[list[Any], list[Any]]:
    return manifest.golden["instances"], manifest.golden["outputs"]


def _example(name: str, inputs: list[str]) -> list[dict[str, Any]]:
    value = json.loads((FOLDERS / name / "input_example.json").read_text())
    if isinstance(value, dict):
        return [dict(zip(value["columns"], map(_number, row), strict=True)) for row in value["data"]]
    kind = np.float32 if name == "onnx" else float
    return [{inputs[0]: [_number(float(str(kind(cell)))) for cell in row]} for row in value]


def _number(cell: Any) -> Any:
    """As canonical JSON has it: 18.0 is 18."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


@pytest.mark.exhaustive
def test_the_bundle_of_a_pickle_needs_trust(application: Application, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="runs code that it brings: say that you trust it"):
        package(FOLDERS / "sklearn-pickle", application=application, name="m", out=tmp_path / "bundle")
    packed(application, FOLDERS / "sklearn-pickle", tmp_path / "bundle")
    assert verify(tmp_path / "bundle", plugins=PLUGINS, trust=True).faults == ()


def test_the_command_line_packages_a_folder(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main,
        ["package", str(FOLDERS / "xgboost"), "--name", "minutes", "-o", str(tmp_path / "m.mlbundle")]
        + [word for plugin in PLUGINS for word in ("--plugin", plugin)],
    )
    assert done.exit_code == 0, done.output
    assert "minutes, xgboost, digest " in done.output


def test_a_run_s_id_and_data_of_one_s_own_are_taken(application: Application, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDERS / "xgboost", tmp_path / "folder"))
    said = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(said + "run_id: 0123456789abcdef\nartifact_path: model\n")
    (folder / "input_example.json").unlink()
    (folder / "MLmodel").write_text(
        (folder / "MLmodel").read_text().replace("type: dataframe", "type: sparse_matrix_csr")
    )
    with pytest.raises(BundleError, match="There are no rows to package the model with"):
        packed(application, folder, tmp_path / "bundle")
    manifest = packed(application, folder, tmp_path / "bundle", data={"hour": [1.0], "distance": [700.0]})
    assert manifest.provenance["imported"]["run_id"] == "0123456789abcdef"
    assert manifest.provenance["data"]["rows"] == 1


def test_python_code_of_a_folder_is_refused(application: Application, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="serve it with the family python"):
        packed(application, FOLDERS / "pyfunc", tmp_path / "bundle")


def test_a_folder_of_nobody_s_is_refused(application: Application, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is a folder that no importer reads \(mlflow\)"):
        packed(application, tmp_path, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("data: model.ubj", "data: ../../../../../../etc/passwd", "is no file in that folder"),
        ("data: model.ubj", "data: /etc/passwd", "is no file in that folder"),
        ("data: model.ubj", "data: MLmodel", "is a file without a suffix, and not what flavour xgboost writes"),
        ("data: model.ubj", "data: ''", "does not say which file is the model's file"),
        ("  xgboost:", "  keras:", "is of flavour keras; those that can be packaged are sklearn"),
        ("flavors:", 'flavors: !!python/object/apply:os.system ["touch /tmp/harm"]\nothers:', "is not YAML"),
        ("flavors:", "a: &a [x]\nb: [*a, *a]\nflavors:", "refers to its own parts"),
        ("flavors:", "tastes:", "names no flavors"),
        ('"type": "double", "name": "hour"', '"type": "any", "name": "hour"', "a column of type 'any'"),
        ('[{"type": "double"', '[{"type": "double', "cannot"),
        ("input_example.json", "../onnx/input_example.json", "is no file in that folder"),
    ],
)
def test_what_is_no_folder_of_mlflow_s_is_refused_in_one_sentence(
    old: str, new: str, sentence: str, application: Application, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(FOLDERS / "xgboost", tmp_path / "folder"))
    shutil.copytree(FOLDERS / "onnx", tmp_path / "onnx")
    text = (folder / "MLmodel").read_text()
    assert old in text
    (folder / "MLmodel").write_text(text.replace(old, new))
    with pytest.raises(BundleError) as error:
        packed(application, folder, tmp_path / "bundle")
    if sentence != "cannot":
        assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00", b"[" * 100_000, b"a: b: c", b"- 1\n- 2", bytes(100)])
def test_an_mlmodel_that_is_none_is_refused(text: bytes, application: Application, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_bytes(text)
    with pytest.raises(BundleError):
        packed(application, tmp_path, tmp_path / "bundle")


def test_lightgbm_s_own_class_is_served_where_the_ini_trusts_it(application: Application, tmp_path: Path) -> None:
    folder = FOLDERS / "lightgbm-sklearn"
    with pytest.raises(BundleError, match=r"list them in mlserve\.sklearn\.trusted"):
        packed(application, folder, tmp_path / "bundle")
    types = "lightgbm.basic.Booster lightgbm.sklearn.LGBMRegressor"
    trusting = application_with(PLUGINS, {"mlserve.sklearn.trusted": types})
    manifest = packed(trusting, folder, tmp_path / "bundle")
    answers = json.loads((folder / "answers.json").read_text())
    assert sorted(row["value"] for row in manifest.golden["outputs"]) == sorted(answers)
