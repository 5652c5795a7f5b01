"""What the family reads out of a file, what it refuses, and what it tells of a model."""

import json

import lightgbm
import numpy as np
import pandas as pd
import pytest
from lightgbm_zoo import BINARY, CITIES, FRAME, FRAME_SUM, MATRIX, RECIPES, SUM, THREE

from mlserve.errors import BundleError, SignatureError, TooLarge
from mlserve.inference import ListsCategories, Maker
from mlserve.packaging import package
from mlserve.signature import Batch, OutputField, Signature
from mlserve.trees import explaining
from mlserve_lightgbm import library


def changed(signature: Signature, name: str, **attributes) -> Signature:
    told = signature.to_json()
    for field in told["inputs"]:
        if field["name"] == name:
            field.update(attributes)
    return Signature.from_json(told)


def columns(family, folder, frame, categorical="auto", target=SUM):
    """The type and the categories of each field, as the file of a model of this data frame tells them."""
    path = folder / "frame.txt"
    parameters = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_per_group": 5}
    lightgbm.train(parameters, lightgbm.Dataset(frame, target, categorical_feature=categorical), 3).save_model(path)
    signature = family.inspect(path)
    assert all(field.nullable for field in signature.inputs)
    return {field.name: (field.type, field.categories) for field in signature.inputs}


def test_reads_a_data_frame_s_columns(tmp_path, family):
    assert columns(family, tmp_path, FRAME.drop(columns="weekend")) == {
        "city": ("category", CITIES),
        "distance": ("float64", ()),
        "stops": ("float64", ()),
        "gate": ("category", ("30", "10", "20")),
    }


def test_names_that_may_be_another_column_s_are_left_to_the_sidecar(tmp_path, family):
    found = columns(family, tmp_path, FRAME)  # `weekend` is 0 or 1, as the codes of an ordered category may be.
    assert (found["city"], found["gate"]) == (("int64", ()), ("int64", ()))
    found = columns(family, tmp_path, FRAME.assign(weekend=FRAME.weekend * 4.0))  # No category of three has a code 4.
    assert (found["city"], found["gate"]) == (("int64", ()), ("category", ("30", "10", "20")))


@pytest.mark.parametrize("rare", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_whole_numbers_do_not_get_the_names_of_ordered_categories(rare, first, tmp_path, family):
    chance = np.random.default_rng(5)
    sizes = pd.Categorical.from_codes(chance.integers(0, 2 if rare else 3, 1000), ["lo", "mid", "hi"], ordered=True)
    numbers, other = chance.integers(0, 3, 1000), chance.normal(size=1000)
    names = ["size", "number", "other"] if first else ["number", "other", "size"]
    frame = pd.DataFrame({"size": sizes, "number": numbers, "other": other})[names]
    found = columns(family, tmp_path, frame, ["number"], sizes.codes + 2 * (numbers == 1) + other)
    assert found == {"size": ("float64", ()), "number": ("int64", ()), "other": ("float64", ())}


def test_a_category_of_whole_numbers_is_a_whole_number_that_may_be_named(zoo, family, load):
    path = zoo("codes").path
    signature = family.inspect(path)
    assert [field.type for field in signature.inputs] == ["int64", "float64", "float64"]
    names = [f"code {number}" for number in range(40)]
    named = changed(signature, "Column_0", type="category", categories=names)
    row = (1.0, -0.5)
    (by_code,) = load(path).predict(Batch.from_rows(signature, [(7, *row)])).values()
    (by_name,) = load(path, named).predict(Batch.from_rows(named, [("code 7", *row)])).values()
    assert by_code == by_name
    with pytest.raises(SignatureError, match="3 categories, and the model knows at least 40"):
        load(path, changed(signature, "Column_0", type="category", categories=names[:3]))
    with pytest.raises(SignatureError, match="is float32, and the model takes it as int64"):
        load(path, changed(signature, "Column_0", type="float32"))


@pytest.fixture(scope="module")
def unproved(tmp_path_factory):
    """A model whose file lists two columns' names, and a yes-or-no column that might have one of the lists."""
    path = tmp_path_factory.mktemp("unproved") / "frame.lgb"
    parameters = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_per_group": 5}
    lightgbm.train(parameters, lightgbm.Dataset(FRAME, FRAME_SUM), 3).save_model(path)
    return path


@pytest.mark.parametrize(
    "categories",
    [
        [*CITIES[1:], CITIES[0]],
        [*CITIES, "Ulm"],
        [*CITIES[:3]],
        ["Ulm", *CITIES[:4]],
        ["Ulm", "Rom", "Bonn", "Oslo", "Riga"],
    ],
)
def test_a_sidecar_does_not_contradict_a_list_of_the_file(categories, unproved, family, load):
    assert family.category_lists(unproved) == (CITIES, ("30", "10", "20"))
    signature = family.inspect(unproved)
    told = "category; the file lists names that may be its: Oslo, Lodz, São Paulo, Wien, Riga"
    assert signature.inputs[0].description == told
    with pytest.raises(SignatureError, match="'city' are not those of the file, in its order: Oslo, Lodz, São Paulo,"):
        load(unproved, changed(signature, "city", type="category", categories=categories))


def test_names_that_no_list_of_the_file_has_are_free(unproved, family, load):
    signature = family.inspect(unproved)
    for categories in (CITIES, ["A", "B", "C", "D", "E"]):
        load(unproved, changed(signature, "city", type="category", categories=list(categories)))


def test_a_data_frame_proves_whose_the_file_s_lists_are(unproved, tmp_path):
    options = {"name": "frame", "plugins": ["lightgbm"]}
    rows = FRAME.head(60)
    found = package(lightgbm.Booster(model_file=unproved), rows, out=tmp_path / "live", **options)
    fields = {field.name: (field.type, field.categories) for field in found.signature.inputs}
    assert fields["city"] == ("category", CITIES)
    assert fields["gate"] == ("category", ("30", "10", "20"))
    assert fields["weekend"] == ("bool", ())
    assert package(unproved, rows, out=tmp_path / "file", **options).digest == found.digest
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(BundleError, match="does not prove the categories of 'city': list them in a signature"):
        package(unproved, tmp_path / "rows.csv", out=tmp_path / "csv", **options)


def test_ordered_categories_leave_the_names_to_the_sidecar(tmp_path, family):
    ordered = FRAME.assign(gate=FRAME.gate.cat.as_ordered())
    path = tmp_path / "ordered.txt"
    parameters = {"objective": "regression", "verbosity": -1, "num_threads": 1}
    lightgbm.train(parameters, lightgbm.Dataset(ordered, SUM), 3).save_model(path)
    fields = {field.name: (field.type, field.categories) for field in family.inspect(path).inputs}
    assert fields["city"] == ("int64", ())
    assert fields["gate"] == ("float64", ())


@pytest.mark.parametrize(
    ("name", "output", "kind", "shape"),
    [
        ("regression", "value", "float64", ()),
        ("binary", "probability", "float64", ()),
        ("multiclass", "probability", "float64", (3,)),
        ("lambdarank", "score", "float64", ()),
        ("quantile", "quantile", "float64", ()),
        ("custom", "raw", "float64", ()),
    ],
)
def test_the_output_follows_the_objective(name, output, kind, shape, zoo, family):
    (field,) = family.inspect(zoo(name).path).outputs
    assert (field.name, field.type, field.shape) == (output, kind, shape)


def test_labels_are_made_of_probabilities(zoo, family, load):
    for name, categories in (("binary", ("no", "yes")), ("multiclass", ("a", "b", "c"))):
        animal = zoo(name)
        known = animal.signature()
        label = OutputField("label", "category", categories=categories)
        signature = Signature(known.inputs, (*known.outputs, label))
        answer = load(animal.path, signature).predict(Batch.from_rows(signature, animal.rows()))
        expected = animal.expected(animal.data)
        right = expected.argmax(axis=1) if expected.shape[1] > 1 else (expected[:, 0] >= 0.5)
        assert (answer["label"] == right).all()
    assert (BINARY != 0).any()
    assert set(THREE) == {0, 1, 2}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda raw: raw[1:], "its first line is not `tree`"),
        (lambda raw: raw.replace(b"\n", b"\r\n"), "its first line is not `tree`"),
        (lambda raw: raw[:-400], "it is cut short"),
        (lambda raw: raw[: len(raw) // 3], "tree_sizes says"),
        (lambda raw: raw.replace(b"version=v4", b"version=v9"), "its format is 'v9'"),
        (lambda raw: raw.replace(b"num_class=1", b"num_class=2"), "num_tree_per_iteration is not num_class"),
        (lambda raw: raw.replace(b"max_feature_idx=5", b"max_feature_idx=6"), "does not hold 7 words"),
        (lambda raw: raw.replace(b"objective=regression", b"objective=Regression!"), "none that LightGBM writes"),
        (lambda raw: raw.replace(b"left_child=1 ", b"left_child=0 ", 1), "a child is outside the tree"),
        (lambda raw: raw.replace(b"split_feature=5 ", b"split_feature=9 ", 1), "a feature that the model does not"),
        (lambda raw: raw.replace(b"feature_infos=[", b"feature_infos=1;", 1), "feature_infos has"),
        (lambda raw: raw.replace(b"objective=regression", b"objective=rogressian"), "'rogressian' is not supported"),
        (lambda raw: raw.replace(b"is_linear=0", b"is_linear=2", 1), "is_linear is neither 0 nor 1"),
    ],
)
def test_refuses_damaged_files_in_one_sentence(change, sentence, zoo, family, tmp_path):
    raw = zoo("regression").path.read_bytes()
    damaged = change(raw)
    assert damaged != raw
    path = tmp_path / "model.txt"
    path.write_bytes(damaged)
    with pytest.raises((BundleError, SignatureError), match=sentence):
        family.inspect(path)


@pytest.mark.parametrize("name", ["binary", "multiclass", "rf", "frame", "custom", "zero-as-missing"])
def test_explanations_are_the_library_s_and_add_up_to_its_raw_score(name, zoo, family, load):
    animal = zoo(name)
    told = load(animal.path).explain(Batch.from_rows(animal.signature(), animal.rows()[:50]))
    data = animal.data[:50]
    whole = np.concatenate([told.contributions, told.bias[..., None]], axis=2).reshape(50, -1)
    assert (whole == animal.expected(data, pred_contrib=True).astype(np.float32)).all()
    raw = animal.expected(data, raw_score=True)
    assert (told.margin == raw.astype(np.float32)).all()
    assert np.allclose(whole.reshape(50, told.margin.shape[1], -1).sum(axis=2), raw, atol=1e-4)


def test_what_cannot_be_explained_has_no_explain(zoo, load):
    assert not hasattr(load(zoo("linear").path), "explain")


def test_an_explanation_has_its_size(zoo, family, load, monkeypatch):
    animal = zoo("binary")
    monkeypatch.setattr(explaining, "MAX_NUMBERS", 11)
    with pytest.raises(TooLarge, match="12 numbers, and may have 11"):
        load(animal.path).explain(Batch.from_rows(animal.signature(), animal.rows()[:2]))


@pytest.mark.parametrize("name", ["regression", "frame", "multiclass"])
def test_importance_is_the_library_s(name, zoo, load):
    animal = zoo(name)
    booster, told = animal.reference(), load(animal.path).importance()
    for kind in ("gain", "split"):
        assert list(told[kind].values()) == booster.feature_importance(kind).tolist()


def walked(node, row, names):
    while "leaf" not in node:
        value = row[names.index(node["field"])]
        if value is None:
            node = node[node["missing"]]
        elif "among" in node:
            node = node["yes" if value in node["among"] else "no"]
        elif "zero" in node and value == 0:
            node = node[node["missing"]]
        else:
            node = node["yes" if value <= node["at_most"] else "no"]
    return node["leaf"]


@pytest.mark.parametrize("name", ["regression", "frame", "frame-onehot", "frame-zero", "no-missing", "lambdarank"])
def test_the_trees_as_told_add_up_to_the_answers(name, zoo, family, load):
    animal = zoo(name)
    signature, predictor = animal.signature(), load(animal.path)
    roots = [tree.root(signature) for tree in predictor.forest().trees]
    json.dumps(roots, allow_nan=False)
    names = list(signature.names)
    sums = [sum(walked(root, row, names) for root in roots) for row in animal.rows()[:100]]
    assert np.allclose(sums, animal.expected(animal.data)[:100, 0], rtol=1e-12)


def test_trees_say_their_class_and_round(zoo, load):
    tree = load(zoo("multiclass").path).forest().trees[7]
    assert (tree.number, tree.round, tree.block, tree.name) == (7, 2, 1, "1")


def test_saves_live_models_and_answers_as_the_library(tmp_path, family):
    assert isinstance(family, Maker)
    assert isinstance(family, ListsCategories)
    classifier = lightgbm.LGBMClassifier(n_estimators=4, verbosity=-1, n_jobs=1).fit(MATRIX, BINARY)
    path = family.save(classifier, tmp_path)
    first = path.read_bytes()
    assert family.save(classifier.booster_, tmp_path).read_bytes() == first
    assert family.save(object(), tmp_path) is None
    signature = family.inspect(path)
    batch = Batch.from_rows(signature, [tuple(None if np.isnan(cell) else cell for cell in row) for row in MATRIX[:9]])
    found = family.reference(path, signature, batch)
    assert np.array_equal(found["probability"], classifier.predict_proba(MATRIX[:9])[:, 1])


def test_knows_every_objective_of_the_zoo_and_the_library_s_version(zoo, family):
    for name in RECIPES:
        family.inspect(zoo(name).path)
    assert library.version() == lightgbm.__version__
