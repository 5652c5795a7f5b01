"""What packaging asks of the library itself: to save a live model, and its own answers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from xgboost_zoo import CITIES, FRAME, FRAME_SUM, MATRIX, RECIPES

from mlserve.bundles import BundleStore, package
from mlserve.errors import BundleError, SignatureError
from mlserve.inference import Maker
from mlserve.signature import Batch

SETTINGS = {"threads": 1}


def frame() -> pd.DataFrame:
    """The zoo's data as a table for a model of placeholders, and for one of real columns."""
    return pd.DataFrame(MATRIX, columns=[f"f{at}" for at in range(MATRIX.shape[1])])


@pytest.mark.parametrize("name", RECIPES)
def test_the_reference_is_the_library_s_own_answer(name, zoo, family):
    animal = zoo(name)
    signature = family.inspect(animal.path)
    (values,) = family.reference(animal.path, signature, Batch.from_rows(signature, animal.rows())).values()
    expected = animal.expected(animal.data())
    assert values.reshape(len(values), -1).astype(np.float32).tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", RECIPES)
def test_every_kind_of_model_can_be_packaged(name, zoo, family, tmp_path):
    animal = zoo(name)
    data = FRAME if animal.on_frame else frame()
    found = package(
        animal.path, data, family=family, name="animal", settings=SETTINGS, store=BundleStore(tmp_path / "bundles")
    )
    assert isinstance(family, Maker)
    assert found.golden["engine"] == "exact"  # To the bit, as the library answers.
    assert found.golden["libraries"] == {"xgboost": xgboost.__version__}
    assert len(found.golden["instances"]) >= 50
    assert any(None in row.values() for row in found.golden["instances"])


def test_golden_answers_are_those_of_the_library_in_python(zoo, family, tmp_path):
    animal = zoo("frame-partition")
    golden = package(animal.path, FRAME, family=family, name="a", settings=SETTINGS, out=tmp_path / "a.mlbundle").golden
    rows = pd.DataFrame(golden["instances"])
    rows["city"] = pd.Categorical(rows["city"], categories=CITIES)
    rows["gate"] = pd.Categorical(rows["gate"].astype(int), categories=[30, 10, 20])
    rows = rows[list(FRAME)].astype({"distance": np.float32, "stops": int, "weekend": bool})
    expected = animal.expected(rows)[:, 0]
    assert np.array([row["value"] for row in golden["outputs"]], np.float32).tobytes() == expected.tobytes()
    # Everything that the data has is in them.
    assert set(rows["city"].dropna()) == set(CITIES)
    assert rows["city"].isna().any()
    assert {rows["distance"].min(), rows["distance"].max()} == {FRAME["distance"].min(), FRAME["distance"].max()}
    assert {rows["stops"].min(), rows["stops"].max()} == {0, 8}


def test_live_models_are_saved(family, tmp_path):
    inputs = FRAME.astype({"gate": "category"})
    values = FRAME_SUM.copy()
    target = (values > values.mean()).astype(int)
    data = inputs.assign(late=target)
    classifier = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1, enable_categorical=True)
    classifier.fit(inputs, target)
    found = package(
        classifier, data, family=family, name="live", target="late", classes=["on_time", "late"],
        settings=SETTINGS, store=BundleStore(tmp_path / "bundles"),
    )  # fmt: skip
    assert found.artefact == "model.ubj"
    assert found.provenance["artefact"] == "XGBClassifier"
    assert found.metrics["measured"]["accuracy"] == float(f"{np.mean(classifier.predict(inputs) == target):.9g}")
    assert found.metrics["measured"]["auc"] > 0.8
    assert {row["label"] for row in found.golden["outputs"]} == {"on_time", "late"}

    path = tmp_path / "saved.ubj"
    classifier.save_model(path)
    booster = xgboost.Booster(model_file=path)
    options = {"family": family, "name": "live", "settings": SETTINGS, "target": "late", "classes": ["on_time", "late"]}
    assert package(booster, data, store=BundleStore(tmp_path / "b"), **options).metrics == found.metrics
    for other in (object(), pd.DataFrame(), None):
        assert family.save(other, tmp_path) is None


def test_a_live_model_gives_the_same_digest_each_time(family, tmp_path):
    def packaged(number: int) -> str:
        matrix = xgboost.DMatrix(frame(), np.nan_to_num(MATRIX).sum(axis=1), nthread=1)
        booster = xgboost.train({"nthread": 1, "seed": 1}, matrix, 3)
        store = BundleStore(tmp_path / str(number))
        return package(booster, frame(), family=family, name="live", settings=SETTINGS, store=store).digest

    assert packaged(1) == packaged(2)


def test_classes_of_many(zoo, family, tmp_path):
    animal = zoo("softprob-3")
    found = package(
        animal.path, frame().assign(kind=RECIPES["softprob-3"].target), family=family, name="kinds", target="kind",
        classes=["low", "middle", "high"], settings=SETTINGS, store=BundleStore(tmp_path / "bundles"),
    )  # fmt: skip
    assert set(found.golden["outputs"][0]["probability"]) == {"low", "middle", "high"}
    assert set(found.baseline["outputs"]["probability"]["elements"]) == {"low", "middle", "high"}
    assert found.baseline["outputs"]["label"]["others"] == 0
    of_labels, of_probabilities = {"accuracy", "recall", "precision", "f1"}, {"auc", "log_loss", "brier"}
    assert set(found.metrics["measured"]) == {"target", "rows"} | of_labels | of_probabilities
    with pytest.raises(SignatureError, match="needs 3 categories and has 2"):
        package(
            animal.path, frame(), family=family, name="kinds", classes=["a", "b"], settings=SETTINGS,
            store=BundleStore(tmp_path / "bundles"),
        )  # fmt: skip


def test_a_file_that_is_no_model(family, tmp_path):
    (tmp_path / "x.ubj").write_bytes(b"{")
    with pytest.raises(BundleError):
        package(tmp_path / "x.ubj", frame(), family=family, name="x", store=BundleStore(tmp_path / "bundles"))


def test_saving_imports_nothing():
    code = "from mlserve_xgboost import making; making.save(1, None); import sys; print('xgboost' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    )
    assert done.stdout.strip() == "False"
