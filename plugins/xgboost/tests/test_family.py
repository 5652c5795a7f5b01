"""From a model file to its signature, and what a signature must agree with before the model is loaded."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost
from xgboost_zoo import CITIES, FRAME, MATRIX

from mlserve.errors import BundleError, SignatureError
from mlserve.signature import Batch, Field, Signature, complete
from mlserve_xgboost.family import XGBoostFamily


def changed(signature: Signature, position: int, **attributes) -> Signature:
    """The signature with other attributes of one input."""
    document = signature.to_json()
    document["inputs"][position] |= attributes
    return Signature.from_json(document)


@pytest.fixture
def save(tmp_path):
    """Trains a tiny model on a frame or matrix and saves it."""

    def save(data, suffix=".ubj", **matrix):
        target = np.arange(len(data)) % 2
        cells = xgboost.DMatrix(data, target, enable_categorical=True, nthread=1, **matrix)
        booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, cells, 3)
        path = tmp_path / f"model{suffix}"
        booster.save_model(path)
        return path

    return save


def test_is_a_family():
    family = XGBoostFamily()
    assert (family.name, family.formats, family.runs_code) == ("xgboost", (".ubj", ".json"), False)
    assert family.libraries() == {"xgboost": xgboost.__version__}


def test_names_types_and_categories_come_from_the_file(zoo, family):
    for name in ("frame-partition", "frame-json"):
        assert family.inspect(zoo(name).path).inputs == (
            Field("city", "category", nullable=True, categories=CITIES),
            Field("distance", "float32", nullable=True),
            Field("stops", "int64", nullable=True),
            Field("weekend", "bool", nullable=True),
            Field("gate", "category", nullable=True, categories=("30", "10", "20")),
        )


def test_a_file_without_names_gives_placeholders(zoo, family):
    signature = family.inspect(zoo("squarederror").path)
    assert signature.names == tuple(f"f{position}" for position in range(MATRIX.shape[1]))
    assert {(field.type, field.nullable) for field in signature.inputs} == {("float32", True)}


def test_types_given_by_hand(save, family):
    path = save(MATRIX[:, :4], feature_types=["q", "float", "q", "float"], feature_names=list("abcd"))
    assert [(field.name, field.type) for field in family.inspect(path).inputs] == [(name, "float32") for name in "abcd"]


def test_a_category_feature_without_names_wants_a_sidecar(save, family, load):
    codes = np.c_[np.arange(400) % 4, np.arange(400) % 7].astype(np.float32)
    path = save(codes, feature_types=["c", "c"])
    signature = family.inspect(path)
    assert [(field.type, field.categories) for field in signature.inputs] == [("category", ())] * 2
    with pytest.raises(SignatureError, match="categories are not in the model's file"):
        load(path, signature)
    sidecar = {"inputs": [{"name": "f0", "categories": list("abcd")}, {"name": "f1", "categories": list("abcdefg")}]}
    completed = complete(signature, sidecar)
    expected = xgboost.Booster(model_file=path).predict(xgboost.DMatrix(codes[:9], feature_types=["c", "c"]))
    rows = [("abcd"[row % 4], "abcdefg"[row % 7]) for row in range(9)]
    answer = load(path, completed).predict(Batch.from_rows(completed, rows))
    assert answer["probability"].tobytes() == expected.tobytes()


def test_refuses_fewer_categories_than_a_split_names(save, family, load):
    codes = (np.arange(400) % 4).astype(np.float32).reshape(-1, 1)
    path = save(codes, feature_types=["c"])
    few = changed(family.inspect(path), 0, categories=["a"])
    with pytest.raises(SignatureError, match=r"gives the input 'f0' 1 categories, and the model knows at least \d"):
        load(path, few)


def test_names_of_categories_beyond_ascii_are_not_trusted(save, family, load):
    """XGBoost 3.2 cuts such names at the wrong bytes: 'Łódź' comes back as 'Łó'."""
    cities = ["Oslo", "Łódź", "São Paulo", "Wien", "Rīga"]
    frame = pd.DataFrame({"city": pd.Categorical([cities[at % 5] for at in range(400)], categories=cities)})
    path = save(frame)
    signature = family.inspect(path)
    assert signature.inputs == (Field("city", "category", nullable=True),)
    with pytest.raises(SignatureError, match="gives the input 'city' 6 categories, and the model knows 5"):
        load(path, changed(signature, 0, categories=[*cities, "Atlantis"]))
    completed = complete(signature, {"inputs": [{"name": "city", "categories": cities}]})
    codes = xgboost.DMatrix(np.arange(5, dtype=np.float32).reshape(-1, 1), feature_names=["city"], feature_types=["c"])
    expected = xgboost.Booster(model_file=path).predict(codes)
    answer = load(path, completed).predict(Batch.from_rows(completed, [(city,) for city in cities]))
    assert answer["probability"].tobytes() == expected.tobytes()


def test_a_sidecar_completes_the_file(zoo, family, load):
    animal = zoo("binary-logistic")
    sidecar = {
        "inputs": [{"name": name, "type": "float32"} for name in "abcdef"],
        "outputs": [{"name": "label", "type": "category", "categories": ["on time", "late"], "threshold": 0.3}],
    }
    signature = complete(family.inspect(animal.path), sidecar)
    answer = load(animal.path, signature).predict(Batch.from_rows(signature, animal.rows()))
    assert set(answer) == {"probability", "label"}
    assert answer["label"].tolist() == (answer["probability"] >= np.float32(0.3)).astype(int).tolist()


def test_a_sidecar_names_the_classes(zoo, family, load):
    names = ["low", "middle", "high"]
    probability = {"name": "probability", "type": "float32", "shape": [3], "categories": names}
    label = {"name": "label", "type": "category", "categories": names}
    for name, outputs in (("softprob-3", [probability, label]), ("softmax", [label])):
        animal = zoo(name)
        signature = complete(family.inspect(animal.path), {"outputs": outputs})
        answer = load(animal.path, signature).predict(Batch.from_rows(signature, animal.rows()[:5]))
        assert set(answer) == {output["name"] for output in outputs}


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("squarederror", {"name": "other", "type": "string"}, "'other' is string, and the model takes it as float32"),
        ("squarederror", {"shape": [2]}, "'f0' is a tensor, and the model takes it as float32"),
        (
            "squarederror",
            {"type": "category", "categories": ["a"], "unknown": "native"},
            "splits on the input 'f0' as a number",
        ),
        ("frame-partition", {"name": "town"}, "Input 0 of the signature is 'town', and the model's is 'city'"),
        ("frame-partition", {"categories": sorted(CITIES)}, "'city' are not the model's, in the model's order"),
    ],
)
def test_refuses_inputs_that_the_model_does_not_take(name, change, sentence, zoo, family, load):
    path = zoo(name).path
    with pytest.raises(SignatureError, match=sentence):
        load(path, changed(family.inspect(path), 0, **change))


def test_refuses_another_number_of_inputs(zoo, family, load):
    path = zoo("squarederror").path
    signature = family.inspect(path)
    with pytest.raises(SignatureError, match="The signature has 5 inputs, and the model has 6"):
        load(path, Signature(signature.inputs[:-1], signature.outputs))


def test_narrower_types_are_taken(zoo, family, load):
    animal = zoo("frame-partition")
    signature = changed(family.inspect(animal.path), 2, type="int32", nullable=False)
    answer = load(animal.path, signature).predict(Batch.from_rows(signature, animal.rows()))
    assert answer["value"].tobytes() == animal.expected(FRAME)[:, 0].tobytes()


def test_names_may_stand_for_numbers(save, family, load):
    """A model whose user counted the categories before training: their codes are numbers to it."""
    path = save((np.arange(400) % 3).astype(np.float32).reshape(-1, 1))
    signature = complete(
        family.inspect(path), {"inputs": [{"name": "size", "type": "category", "categories": list("SML")}]}
    )
    answer = load(path, signature).predict(Batch.from_rows(signature, [("S",), ("M",), ("L",), (None,)]))
    codes = xgboost.DMatrix(np.array([[0], [1], [2], [np.nan]], np.float32))
    assert answer["probability"].tobytes() == xgboost.Booster(model_file=path).predict(codes).tobytes()


def test_importance_is_the_library_s_by_field(zoo, load):
    for name in ("frame-partition", "dart", "softprob-3", "early", "two-targets-vector-leaves"):
        animal = zoo(name)
        importance = load(animal.path).importance()
        assert list(importance) == ["gain", "weight", "cover"]
        for kind, found in importance.items():
            expected = animal.reference().get_score(importance_type=kind)
            assert {field: value for field, value in found.items() if value} == expected
            assert len(found) == animal.reference().num_features()


def test_importance_of_a_linear_model_is_its_weights(zoo, load):
    for name in ("linear", "linear-softprob"):
        animal = zoo(name)
        assert load(animal.path).importance() == {"weight": animal.reference().get_score(importance_type="weight")}


def test_info_describes_the_model_in_json(zoo, load):
    info = load(zoo("early").path).info()
    assert json.loads(json.dumps(info)) == info
    assert info["objective"] == "binary:logistic"
    assert info["rounds"] > info["best_iteration"] + 1


def test_engine_and_concurrency(zoo, load):
    predictor = load(zoo("squarederror").path)
    assert (predictor.engine, predictor.concurrency) == ("exact", "parallel")


def test_refuses_a_missing_file(tmp_path, family):
    with pytest.raises(BundleError, match=r"none\.ubj cannot be read: No such file"):
        family.inspect(tmp_path / "none.ubj")


def test_the_suffix_does_not_matter_to_the_content(zoo, family, tmp_path):
    path = tmp_path / "model.ubj"
    path.write_bytes(zoo("json").path.read_bytes())
    assert family.inspect(path) == family.inspect(zoo("json").path)


def test_inspecting_and_loading_import_no_xgboost_package(zoo):
    """The Python package costs half a second and 26 MB; the library is used without it."""
    script = (
        "import sys, pathlib, warnings; warnings.simplefilter('ignore')\n"
        "from mlserve_xgboost.family import XGBoostFamily\n"
        "path = pathlib.Path(sys.argv[1]); family = XGBoostFamily()\n"
        "family.load(path, family.inspect(path), {'threads': 1}); family.libraries()\n"
        "sys.exit(any(name in sys.modules for name in ('xgboost', 'scipy', 'pandas')))\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(zoo("early").path)],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
    )
