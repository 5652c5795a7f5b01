"""Packaging with a family without a library of its own; the XGBoost plugin's tests do it with one."""

import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlserve_linear.family import LinearFamily

from mlserve.bundles import BundleStore, Manifest, archive, open_folder, package
from mlserve.errors import BundleError, PredictionFailed, SignatureError
from mlserve.signature import Batch, Signature
from tests.factories import linear_model

DATA = {"x": [1, 2, 3, 4, 0.5], "y": [0.5, 0.5, 1.5, -2.0, 0], "value": [2.5, 4.5, 5.5, 11.0, 2.0]}
SETTINGS = {"decimals": 3}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return linear_model(tmp_path)


def packaged(model: Any, tmp_path: Path, data: Any = DATA, **options: Any) -> Manifest:
    options = {"family": LinearFamily(), "name": "line", "settings": SETTINGS, "target": "value", **options}
    if "store" not in options and "out" not in options:
        options["store"] = BundleStore(tmp_path / "bundles")
    return package(model, data, **options)


def test_what_is_in_a_bundle(model: Path, tmp_path: Path) -> None:
    found = packaged(model, tmp_path, metadata={"owner": "Ada", "review-by": "2027-06-30"})

    assert found.card == {"name": "line", "owner": "Ada", "review_by": "2027-06-30"}
    assert (found.family, found.engine, found.artefact) == ("linear", "exact", "model.linear")
    assert found.golden == {
        "tolerance": 1e-6,
        "libraries": {"arithmetic": "1"},
        "engine": "exact",
        "instances": [{"x": x, "y": y} for x, y in zip(DATA["x"], DATA["y"], strict=True)],
        "outputs": [{"value": value} for value in (2.5, 4.5, 5.5, 11, 2)],
    }
    assert found.metrics == {"measured": {"target": "value", "rows": 5, "rmse": 0, "mae": 0, "r2": 1}}
    assert found.baseline is not None
    assert found.baseline["inputs"]["x"]["maximum"] == 4
    assert [field.example for field in found.signature.inputs] == [1, 0.5]
    assert [field.maximum for field in found.signature.inputs] == [None, None]
    assert found.provenance["artefact"] == model.name
    assert found.provenance["target"] == "value"
    assert found.provenance["libraries"] == {"arithmetic": "1"}
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.provenance["created_at"])
    assert BundleStore(tmp_path / "bundles").open(found.digest).manifest == found


def test_the_digest_is_of_the_content_alone(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = packaged(model, tmp_path)
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.chdir(tmp_path)
    other = model.rename(tmp_path / "another-name.linear")
    second = packaged(other, tmp_path, store=BundleStore(tmp_path / "elsewhere"))

    assert second.digest == first.digest
    assert second.provenance != first.provenance
    changes: list[dict[str, Any]] = [
        {"metadata": {"owner": "Eve"}},
        {"name": "other"},
        {"target": None},
        {"data": {**DATA, "x": [1, 2, 3, 4, 0.25]}},
        {"signature": {"inputs": [{"name": "x", "unit": "m"}]}},
    ]
    digests = {packaged(other, tmp_path, **change).digest for change in changes}
    assert len(digests | {first.digest}) == 1 + len(changes)


def test_a_folder_and_an_archive_hold_the_same(model: Path, tmp_path: Path) -> None:
    one = packaged(model, tmp_path, out=tmp_path / "new" / "folder")
    two = packaged(model, tmp_path, out=str(tmp_path / "line.mlbundle"))

    assert one.digest == two.digest
    assert open_folder(tmp_path / "new" / "folder").manifest == one
    read = archive.read(io.BytesIO((tmp_path / "line.mlbundle").read_bytes()), BundleStore(tmp_path / "read"))
    assert read.manifest == two
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith(".")} == set()


def test_what_is_there_is_not_overwritten(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    packaged(model, tmp_path, out=tmp_path / "empty")
    for taken in ("empty", model.name):
        with pytest.raises(
            BundleError, match=r"is there already: give a new folder, or a file that ends in \.mlbundle"
        ):
            packaged(model, tmp_path, out=tmp_path / taken)
    # An archive takes the place of an older one, as a build does each time.
    packaged(model, tmp_path, out=tmp_path / "line.mlbundle")
    packaged(model, tmp_path, out=tmp_path / "line.mlbundle")
    with pytest.raises(BundleError, match="either a store or out"):
        packaged(model, tmp_path, out=tmp_path / "x", store=BundleStore(tmp_path))
    with pytest.raises(BundleError, match="cannot be written"):
        packaged(model, tmp_path, out=model / "x.mlbundle")


def test_sidecars_are_taken_up(model: Path, tmp_path: Path) -> None:
    sidecar = {"inputs": [{"name": "x", "maximum": 4, "nullable": False, "example": 3}]}
    model.with_name(model.name + ".signature.json").write_text(json.dumps(sidecar))
    model.with_name(model.name + ".metrics.json").write_text('{"rmse": 0.5}')

    found = packaged(model, tmp_path)
    assert (found.signature.inputs[0].maximum, found.signature.inputs[0].example) == (4, 3)
    assert found.metrics["rmse"] == 0.5
    assert found.metrics["measured"]["rows"] == 5

    given = Signature.from_json({"inputs": [{"name": "x", "type": "float64"}], "outputs": []})
    assert packaged(model, tmp_path, signature=given).signature.inputs[0].maximum is None


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        ({"data": {"x": [1]}}, BundleError, "The data has no column 'y', which the model takes."),
        ({"data": {"x": [1], "y": [None]}}, BundleError, "row 1, y: expected a number, got null"),
        ({"target": "none"}, BundleError, "The data has no column 'none'"),
        ({"name": "No Name"}, BundleError, "'No Name' is no name of a model"),
        ({"engine": "quick"}, BundleError, "The family linear answers with engine 'exact', not 'quick'."),
        ({"signature": {"inputs": [{"name": "z"}]}}, SignatureError, "sidecar: input 'z' is not in the model's file"),
        ({"metadata": {"review_by": "soon"}}, BundleError, "review_by as a date"),
    ],
)
def test_what_cannot_be_packaged_is_told(
    change: dict[str, Any], error: type[Exception], why: str, model: Path, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        packaged(model, tmp_path, out=tmp_path / "new", **change)
    assert why in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_predictor_that_fails_or_answers_something_else(tmp_path: Path) -> None:
    failing = linear_model(tmp_path, fail=1.0)
    with pytest.raises(PredictionFailed):
        packaged(failing, tmp_path, {"fail": [1.0]}, target=None)
    with pytest.raises(BundleError, match=r"none\.linear cannot be read: No such file or directory\.$"):
        packaged(tmp_path / "none.linear", tmp_path)


def test_a_live_model_that_no_family_saves(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as caught:
        packaged(object(), tmp_path)
    assert caught.value.detail == "The family linear saves no object: give a model file."


class Making(LinearFamily):
    """A linear family whose library answers `off` more than its predictor."""

    def __init__(self, off: float = 0.0) -> None:
        self.off = off

    def save(self, model: object, folder: Path) -> Path | None:
        return linear_model(folder, **model) if isinstance(model, dict) else None

    def reference(self, path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
        if np.isnan(self.off):
            raise ZeroDivisionError("division by zero")
        predicted = self.load(path, signature, SETTINGS).predict(batch)
        return {"value": predicted["value"] + self.off}


class Pickled(LinearFamily):
    runs_code = True

    def inspect(self, path: Path) -> Signature:
        os.environ["INSPECTED"] = "yes"
        return super().inspect(path)


def test_a_live_model_is_saved(tmp_path: Path) -> None:
    live = packaged({"x": 2.0, "y": -1.0}, tmp_path, family=Making())
    assert live.digest == packaged(linear_model(tmp_path), tmp_path, family=Making()).digest
    assert live.golden is not None
    assert live.golden["engine"] == "exact"


def test_the_library_s_answers_are_kept_and_not_only_the_predictor_s(model: Path, tmp_path: Path) -> None:
    golden: Mapping[str, Any] | None = packaged(model, tmp_path, family=Making(1e-8)).golden
    assert golden is not None
    assert golden["outputs"][0] == {"value": 2.50000001}
    assert golden["engine"] is None  # No engine of ours answers this to the bit.

    with pytest.raises(BundleError) as caught:
        packaged(model, tmp_path, family=Making(0.5))
    assert caught.value.detail == (
        "The predictor does not answer as the library that made the model: golden row 0: value is 2.5 instead of 3.0."
    )
    with pytest.raises(BundleError, match=r"^The family linear failed: ZeroDivisionError: division by zero\.$"):
        packaged(model, tmp_path, family=Making(float("nan")))


def test_code_of_a_model_runs_only_where_that_is_said(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INSPECTED", raising=False)
    with pytest.raises(BundleError) as caught:
        packaged(model, tmp_path, family=Pickled())
    assert (
        caught.value.detail
        == "Loading a model of family linear runs code that it brings: say that you trust it (--trust)."
    )
    assert "INSPECTED" not in os.environ
    assert packaged(model, tmp_path, family=Pickled(), trust=True).family == "linear"
    monkeypatch.delenv("INSPECTED")


def test_a_live_model_that_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"^The family linear cannot save this model: TypeError: "):
        packaged({1: 2.0}, tmp_path, family=Making())
