"""What the predictors of trees share."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlserve.errors import BundleError, ModelNotReady
from mlserve.inference import LiveModel
from mlserve.inference.users import Users
from mlserve.signature import Batch
from mlserve.trees import Answer, Artefact, Outputs, TreesPredictor, importance_panel
from mlserve.trees.panel import SHOWN, rows_of
from tests.unit.trees.oak import SIGNATURE, Oak


class Engine:
    def __init__(self, answer: float) -> None:
        self.answer, self.closed = answer, False

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return np.full((len(matrix), 1), self.answer)

    def close(self) -> None:
        self.closed = True


class Predictor(TreesPredictor):
    score_kinds = ("gain",)
    reads = 0

    def importance(self) -> dict[str, dict[str, float | list[float]]]:
        return {"gain": {"height": 1.0, "wood": 4.0}}

    def read_forest(self, raw: bytes) -> Any:
        self.reads += 1
        return SimpleNamespace(trees=(Oak(),), raw=raw)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "model.lgb").write_bytes(b"trees")
    return tmp_path / "model.lgb"


@pytest.fixture
def library() -> Engine:
    return Engine(1.0)


@pytest.fixture
def predictor(path: Path, library: Engine) -> Predictor:
    outputs = Outputs(Answer("regression", SIGNATURE.outputs[0]), SIGNATURE)
    return Predictor(Artefact(path, b"trees"), Batch.matrix, library, outputs, {"rounds": 1})


def value(predictor: Predictor) -> float:
    return float(predictor.predict(Batch.from_rows(SIGNATURE, [(1.0, "oak")]))["value"][0])


def test_the_library_answers_until_a_converted_model_does(predictor: Predictor, library: Engine) -> None:
    assert (predictor.engine, value(predictor), predictor.info()) == ("exact", 1.0, {"rounds": 1})
    predictor.answer_by(Engine(2.0), None)
    assert (predictor.engine, value(predictor), predictor.info()) == ("onnx", 2.0, {"rounds": 1, "engine": "onnx"})
    predictor.close()
    assert library.closed


def test_a_model_that_was_not_converted_says_why(predictor: Predictor) -> None:
    predictor.answer_by(None, "It is too tall.")
    assert (predictor.engine, value(predictor)) == ("exact", 1.0)
    assert predictor.info() == {"rounds": 1, "engine": "exact", "engine_refused": "It is too tall."}


def test_the_trees_are_read_once_and_from_what_was_loaded(predictor: Predictor, path: Path) -> None:
    assert predictor.forest() is predictor.forest()
    assert predictor.reads == 1
    assert Artefact(path, b"trees").content() == b"trees"
    with pytest.raises(BundleError, match=r"model\.lgb has changed since it was loaded"):
        Artefact(path, b"others").content()
    path.unlink()
    with pytest.raises(BundleError, match=r"model\.lgb cannot be read"):
        Artefact(path, b"trees").content()


def test_the_panel_shows_the_most_important_first(predictor: Predictor) -> None:
    loaded: Any = SimpleNamespace(predictor=predictor, users=Users())
    request = SimpleNamespace(route_path=lambda name, **parts: f"/{name}/{parts['model']}")
    shown = importance_panel(request, LiveModel("delay", "oak", loaded), lambda kinds: dict.fromkeys(kinds, "words"))
    assert [row.field for row in shown["top"]] == ["wood", "height"]
    assert (shown["meanings"], shown["rest"]) == ({"gain": "words"}, [])
    assert shown["drawing"] == "/oak.trees/{number}/drawing/delay"
    predictor.has_trees = False
    assert importance_panel(request, LiveModel("delay", "oak", loaded), lambda kinds: {})["drawing"] is None


def test_there_is_no_panel_while_no_version_answers() -> None:
    with pytest.raises(ModelNotReady):
        importance_panel(None, LiveModel("late", "oak", None, "broken"), lambda kinds: {})


def test_the_fields_are_ordered_and_the_longest_bar_is_full() -> None:
    rows = rows_of({"gain": {"a": 1.0, "b": 4.0, "c": 0.0}, "weight": {"a": 2.0, "b": 3.0, "c": 0.0}})
    assert [(row.field, row.scores, row.share) for row in rows] == [
        ("b", ("4", "3"), 100),
        ("a", ("1", "2"), 25),
        ("c", ("0", "0"), 0),
    ]
    assert len(rows_of({"gain": {str(at): 0.0 for at in range(40)}})[SHOWN:]) == 40 - SHOWN


def test_classes_have_a_number_each_and_the_largest_counts() -> None:
    rows = rows_of({"weight": {"a": [0.5, -0.25], "b": [0.0, -2.0]}})
    assert [(row.field, row.scores, row.share) for row in rows] == [("b", ("0, -2",), 100), ("a", ("0.5, -0.25",), 25)]
