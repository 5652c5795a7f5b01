"""A real server answers what CatBoost itself answers, to the bit."""

from pathlib import Path

import numpy as np
import pytest
from catboost import CatBoost
from mlserve_catboost.family import CatboostFamily
from sizes import SMALL, TEXTS, classifier, regressor, rows, saved

from mlserve.errors import SignatureError
from mlserve.testing import RunningServer, settings_of

FRAME, _ = rows()
INSTANCES = [{**row, "y": None if row["y"] != row["y"] else row["y"]} for row in FRAME[:50].to_dict("records")]


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    for name in ("value", "class"):
        (tmp_path / name).mkdir()
    return {"value": regressor(tmp_path / "value"), "class": classifier(tmp_path / "class")}


@pytest.fixture
def mlserve_settings(models: dict[str, Path], tmp_path: Path) -> dict[str, str]:
    """One line enables the plugin: `mlserve.plugins = catboost`."""
    return settings_of(tmp_path, plugins="catboost", models=models)


def test_the_answers_are_catboost_s_own(models: dict[str, Path], mlserve_server: RunningServer) -> None:
    own = {name: CatBoost().load_model(str(path)) for name, path in models.items()}
    found = {
        name: mlserve_server.call("POST", f"/api/v1/models/{name}/predictions", {"instances": INSTANCES}).json
        for name in models
    }
    values = [output["value"] for output in found["value"]["outputs"]]
    assert values == own["value"].predict(FRAME[:50]).tolist()
    chances = [list(output["probability"].values()) for output in found["class"]["outputs"]]
    assert chances == own["class"].predict(FRAME[:50], prediction_type="Probability").tolist()
    labels = [output["label"] for output in found["class"]["outputs"]]
    assert labels == own["class"].predict(FRAME[:50], prediction_type="Class").ravel().tolist()
    importance = mlserve_server.call("GET", "/api/v1/models/value/importance").json
    assert list(importance.values()) == own["value"].get_feature_importance().tolist()


@pytest.mark.parametrize("loss", ["MultiRMSE", "MultiLogloss", "RMSEWithUncertainty"])
def test_models_of_many_values_are_refused(loss: str, tmp_path: Path) -> None:
    frame, value = rows()
    target = {"MultiRMSE": np.stack([value, value], 1), "MultiLogloss": np.stack([value > 1, value > 2], 1).astype(int)}
    model = CatBoost({**SMALL, "loss_function": loss}).fit(frame, target.get(loss, value), cat_features=TEXTS)
    with pytest.raises(SignatureError, match="many values at once"):
        CatboostFamily().inspect(saved(model, tmp_path))
