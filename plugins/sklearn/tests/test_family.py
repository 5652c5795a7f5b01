"""What the family tells of a file, what a sidecar and the settings change, and what a live model becomes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn_zoo
import skops.io
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from test_equality import SETTINGS, asked

from mlserve.errors import ConfigurationError, NotSupported, SignatureError
from mlserve.packaging import application_with, package, verify
from mlserve.registry import bringing
from mlserve.signature import Signature
from mlserve.testing import serving, settings_of
from mlserve_sklearn import making
from mlserve_sklearn.family import SklearnFamily, SklearnPickleFamily

FAMILY = SklearnFamily()


def of(name: str, folder: Path, sidecar: Any = None, family: SklearnFamily = FAMILY) -> tuple[Signature, Any]:
    path = sklearn_zoo.animal(name).save(folder)
    if sidecar is not None:
        path.with_name(f"{path.name}.signature.json").write_text(json.dumps(sidecar))
    signature = bringing.inspect(family, path)
    return signature, family.load(path, signature, SETTINGS)


def test_a_pipeline_tells_its_fields_with_types_categories_and_what_may_be_missing(tmp_path: Path) -> None:
    signature, predictor = of("flights", tmp_path)
    told = {field.name: (field.type, field.nullable, field.categories, field.unknown) for field in signature.inputs}
    assert told == {
        "carrier": ("category", True, ("AA", "UA", "WN"), "native"),
        "origin": ("category", False, ("EWR", "JFK", "Zürich"), "refuse"),
        "hour": ("float64", True, (), "refuse"),
        "distance": ("float64", True, (), "refuse"),
        "rain": ("bool", False, (), "refuse"),
        "note": ("text", False, (), "refuse"),
    }
    assert predictor.info() == {"class": "sklearn.pipeline.Pipeline", "features": 7}


def test_the_setting_says_which_outputs_a_file_has(tmp_path: Path) -> None:
    signature, predictor = of("logistic-names", tmp_path, family=SklearnFamily((), ("decision", "label")))
    assert [output.name for output in signature.outputs] == ["label", "decision"]
    animal = sklearn_zoo.animal("logistic-names")
    answered = predictor.predict(asked(signature, animal.instances))
    assert np.array_equal(answered["decision"], animal.model.decision_function(animal.rows))


def test_a_sidecar_names_the_classes_of_numbers(tmp_path: Path) -> None:
    names = ["no", "maybe", "yes"]
    said = {
        "outputs": [
            {"name": "label", "type": "category", "categories": names},
            {"name": "probability", "categories": names},
        ]
    }
    signature, predictor = of("logistic", tmp_path, said)
    animal = sklearn_zoo.animal("logistic")
    answered = predictor.predict(asked(signature, animal.instances))
    assert np.array_equal(answered["label"], animal.model.predict(animal.rows))


def test_a_threshold_decides_on_the_probability(tmp_path: Path) -> None:
    animal = sklearn_zoo.animal("logistic-two-names")
    late = animal.model.predict_proba(animal.rows)[:, 1]
    threshold = float(np.sort(late)[-7])
    signature, predictor = of("logistic-two-names", tmp_path, {"outputs": [{"name": "label", "threshold": threshold}]})
    answered = predictor.predict(asked(signature, animal.instances))
    assert answered["label"].sum() == 7
    assert np.array_equal(answered["label"], late >= threshold)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ({"name": "label", "type": "category", "categories": ["a", "b"]}, "2 categories, and the model 3 classes"),
        ({"name": "cluster", "type": "int64"}, "no output 'cluster'; it has label, probability, decision"),
        ({"name": "probability", "type": "float64", "shape": [4]}, "has the shape [3], not [4]"),
        ({"name": "label", "type": "string"}, "is of type int64, not string"),
    ],
)
def test_a_signature_that_the_model_cannot_answer_is_refused(
    output: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path = sklearn_zoo.animal("logistic").save(tmp_path)
    own = FAMILY.inspect(path)
    assert own is not None
    with pytest.raises(SignatureError) as error:
        FAMILY.load(path, Signature.from_json({**own.to_json(), "outputs": [output]}), SETTINGS)
    assert sentence in str(error.value)


def test_inputs_that_the_model_does_not_take_are_refused(tmp_path: Path) -> None:
    path = sklearn_zoo.animal("frame-numbers").save(tmp_path)
    own = FAMILY.inspect(path)
    assert own is not None
    for names, sentence in (
        (["hour"], "The model takes an input 'distance', which the signature does not name."),
        (["hour", "distance", "wind"], "The input 'wind' of the signature is none of the model's: distance, hour."),
    ):
        inputs = [{"name": name, "type": "float64"} for name in names]
        with pytest.raises(SignatureError) as error:
            FAMILY.load(path, Signature.from_json({"inputs": inputs, "outputs": own.to_json()["outputs"]}), SETTINGS)
        assert str(error.value) == sentence


def test_a_model_without_predict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(DBSCAN().fit([[0.0], [1.0]]), path)
    with pytest.raises(SignatureError, match=r"holds a DBSCAN, which answers nothing for new instances"):
        FAMILY.inspect(path)


def test_every_part_works_alone(tmp_path: Path) -> None:
    _, predictor = of("forest", tmp_path)
    assert predictor.structure()["parameters"]["n_jobs"] == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("logistic-names", lambda model, rows: model.decision_function(rows)),
        ("ridge-scaled", lambda model, rows: model.predict(rows)[:, None]),
        ("several-values", lambda model, rows: model.predict(rows)),
        ("poisson", lambda model, rows: np.log(model.predict(rows))[:, None]),
    ],
)
def test_linear_models_are_explained_exactly(name: str, expected: Any, tmp_path: Path) -> None:
    signature, predictor = of(name, tmp_path)
    animal = sklearn_zoo.animal(name)
    found = predictor.explain(asked(signature, animal.instances))
    assert np.allclose(found.margin, expected(animal.model, animal.rows), rtol=1e-5)
    assert np.allclose(found.contributions.sum(axis=2) + found.bias, found.margin, rtol=1e-3, atol=1e-4)


def test_contributions_are_under_the_fields_of_the_signature(tmp_path: Path) -> None:
    """The signature may name the fields in another order than the data frame of the training had."""
    rows = pd.DataFrame({"a": [0.0, 1.0, 2.0, 5.0], "b": [1.0, 0.0, 3.0, 1.0], "c": [2.0, 2.0, 0.0, 1.0]})
    path = tmp_path / "model.skops"
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(rows, rows @ [1.0, 10.0, 100.0])
    skops.io.dump(model, path)
    own = FAMILY.inspect(path)
    assert own is not None
    signature = Signature(tuple(own.inputs[at] for at in (2, 0, 1)), own.outputs)
    batch = asked(signature, [{"a": 1.0, "b": 1.0, "c": 1.0}])
    found = FAMILY.load(path, signature, SETTINGS).explain(batch)
    assert np.allclose(found.contributions[0, 0], [100.0, 1.0, 10.0], rtol=1e-4)


WORDS = ["hi", "lo", "mid"]


def of_words(
    folder: Path, label: list[str], probability: list[str], classes: list[Any] = WORDS, threshold: float | None = None
) -> tuple[Any, Any]:
    """A pickled classifier and its answers, where a sidecar names the classes in these orders."""
    import joblib

    rows = [[float(at)] for at in range(len(classes))]
    model = LogisticRegression(C=100.0).fit(rows, classes)
    path = folder / "model.joblib"
    joblib.dump(model, path)
    more = {} if threshold is None else {"threshold": threshold}
    said = {
        "inputs": [{"name": "x", "type": "float64"}],
        "outputs": [
            {"name": "label", "type": "category", "categories": label, **more},
            {"name": "probability", "type": "float64", "shape": [len(classes)], "categories": probability},
        ],
    }
    signature = Signature.from_json(said)
    predictor = SklearnPickleFamily().load(path, signature, {})
    answered = predictor.predict(asked(signature, [{"x": row[0]} for row in rows]))
    found = np.asarray(answered["label"]).tolist()
    words = [label[value] if isinstance(value, int) else value for value in found]
    return words, [probability[at] for at in answered["probability"].argmax(axis=1)]


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]])
def test_classes_in_another_order_keep_their_names(order: list[int], tmp_path: Path) -> None:
    told = [WORDS[at] for at in order]
    assert of_words(tmp_path, told, WORDS) == (WORDS, WORDS)
    assert of_words(tmp_path, WORDS, told) == (WORDS, WORDS)


def test_classes_that_are_numbers_keep_theirs_and_may_have_names(tmp_path: Path) -> None:
    assert of_words(tmp_path, ["2", "0", "1"], ["1", "2", "0"], [0, 1, 2]) == (["0", "1", "2"], ["0", "1", "2"])
    assert of_words(tmp_path, WORDS, WORDS, [0, 1, 2]) == (WORDS, WORDS)


def test_a_threshold_keeps_the_names_of_the_classes(tmp_path: Path) -> None:
    told = of_words(tmp_path, ["late", "early"], ["late", "early"], ["early", "late"], threshold=0.5)
    assert told == (["early", "late"], ["early", "late"])


@pytest.mark.parametrize("which", [0, 1])
def test_a_name_of_one_class_for_another_is_refused(which: int, tmp_path: Path) -> None:
    said = [WORDS, WORDS]
    said[which] = ["hi", "mid", "other"]
    with pytest.raises(SignatureError, match=r"gives the name of the class 'mid' to another one"):
        of_words(tmp_path, *said)


def test_trees_are_not_explained_and_missing_values_neither(tmp_path: Path) -> None:
    _, predictor = of("forest", tmp_path)
    assert not hasattr(predictor, "explain")
    signature, predictor = of("linear", tmp_path, {"inputs": [{"name": "f0", "nullable": True}]})
    with pytest.raises(NotSupported):
        predictor.explain(asked(signature, [{"f0": None, "f1": 1, "f2": 1, "f3": 1}]))


@pytest.mark.exhaustive
def test_a_live_pipeline_is_packaged_with_the_same_bytes_each_time(tmp_path: Path) -> None:
    animal = sklearn_zoo.animal("flights")
    rows = animal.rows.assign(late=sklearn_zoo.target(animal.rows))
    application = application_with(["sklearn"])
    manifests = [
        package(animal.model, rows, application=application, name="flights", target="late", out=tmp_path / str(number))
        for number in range(2)
    ]
    assert manifests[0].digest == manifests[1].digest
    assert manifests[0].metrics["measured"]["accuracy"] > 0.6
    types = {field.name: field.type for field in manifests[0].signature.inputs}
    assert types == {
        "carrier": "category",
        "origin": "category",
        "hour": "int64",
        "distance": "float64",
        "rain": "bool",
        "note": "text",
    }
    verdict = verify(tmp_path / "0", plugins=["sklearn"])
    assert (verdict.faults, verdict.deviation) == ((), 0.0)


def test_what_is_saved_is_the_search_s_best_and_other_libraries_keep_theirs(tmp_path: Path) -> None:
    import xgboost

    path = making.save(sklearn_zoo.animal("grid").model, tmp_path)
    assert path is not None
    assert type(skops.io.load(path)).__name__ == "LogisticRegression"
    assert making.save(xgboost.XGBClassifier(), tmp_path) is None
    assert making.save(object(), tmp_path) is None


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_another_library_s_model_in_a_pipeline_is_served_where_the_ini_trusts_it(library: str, tmp_path: Path) -> None:
    rows, classes = sklearn_zoo.numbers(2)
    if library == "xgboost":
        import xgboost

        inner, trusted = xgboost.XGBClassifier(n_estimators=3), "xgboost.core.Booster xgboost.sklearn.XGBClassifier"
    else:
        import lightgbm

        inner, trusted = (
            lightgbm.LGBMClassifier(n_estimators=3, verbose=-1),
            ("lightgbm.basic.Booster lightgbm.sklearn.LGBMClassifier"),
        )
    model = make_pipeline(StandardScaler(), inner).fit(rows, classes)
    path = tmp_path / "model.skops"
    skops.io.dump(model, path)
    settings = settings_of(tmp_path, plugins="sklearn", models={"m": path})
    with pytest.raises(ConfigurationError, match=r"list them in mlserve\.sklearn\.trusted"), serving(settings):
        pass
    with serving({**settings, "mlserve.sklearn.trusted": trusted}) as app:
        instances = sklearn_zoo.Animal(model, rows).instances
        answered = app.predict("m", instances).json["outputs"]
    expected = model.predict_proba(rows)
    found = np.array([row["probability"] for row in answered]).astype(expected.dtype)
    assert np.array_equal(found, expected)


def of_categories(library: str, folder: Path) -> tuple[Path, SklearnFamily, Any, Any]:
    """A model that another library trained on a column of categories, with its rows; it tells nothing itself."""
    rows = sklearn_zoo.frame()[["carrier", "hour"]].astype({"carrier": "category"})
    late = sklearn_zoo.target(sklearn_zoo.frame()) == "late"
    if library == "xgboost":
        import xgboost

        trusted = ("xgboost.core.Booster", "xgboost.sklearn.XGBClassifier")
        model: Any = xgboost.XGBClassifier(n_estimators=3, enable_categorical=True)
    else:
        import lightgbm

        trusted = ("lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier", "collections.OrderedDict")
        model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1, min_child_samples=2)
    path = folder / "model.skops"
    skops.io.dump(model.fit(rows, late), path)
    return path, SklearnFamily(trusted), model, rows


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_another_library_s_model_gets_its_categories_as_such(library: str, tmp_path: Path) -> None:
    path, family, model, rows = of_categories(library, tmp_path)
    signature = Signature.from_json(
        {
            "inputs": [
                {"name": "hour", "type": "int64"},
                {"name": "carrier", "type": "category", "categories": ["WN", "AA", "UA"], "nullable": True},
            ],
            "outputs": [{"name": "probability", "type": "float64", "shape": [2]}],
        }
    )
    missing = rows.assign(carrier=rows["carrier"].where(np.arange(len(rows)) != 1))
    batch = asked(signature, sklearn_zoo.Animal(model, missing).instances)
    settings = {**SETTINGS, "trusted": family._trusted}
    answered = family.load(path, signature, settings).predict(batch)["probability"]
    assert np.array_equal(answered, model.predict_proba(missing))
    assert len(np.unique(answered[rows["hour"] == rows["hour"].mode()[0]])) > 2  # The categories count.
    assert np.array_equal(answered, family.reference(path, signature, batch)["probability"])


@pytest.mark.parametrize(
    ("carrier", "sentence"),
    [
        ({"type": "category", "categories": ["Wien"]}, "none of the categories of the input 'carrier'; it knows 'AA'."),
        ({"type": "int64"}, "categorical_feature do not match): look at the types of the inputs"),
    ],
)
def test_a_model_that_never_answers_is_refused_when_it_is_loaded(
    carrier: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    path, family, _, _ = of_categories("lightgbm", tmp_path)
    inputs = [{"name": "carrier", **carrier}, {"name": "hour", "type": "int64"}]
    signature = Signature.from_json({"inputs": inputs, "outputs": [{"name": "label", "type": "bool"}]})
    with pytest.raises(SignatureError) as error:
        family.load(path, signature, {**SETTINGS, "trusted": family._trusted})
    assert sentence in str(error.value)


@pytest.mark.parametrize("steps", [[FunctionTransformer(np.log)], []])
def test_a_model_that_does_not_take_what_was_guessed_is_served(steps: list[Any], tmp_path: Path) -> None:
    """0 has no logarithm, and "text" is none of an encoder's words."""
    path = tmp_path / "model.skops"
    given: Any = [[1.0], [2.0]] if steps else np.array([["a"], ["b"]], object)
    skops.io.dump(make_pipeline(*steps or [OneHotEncoder()], LinearRegression()).fit(given, [1.0, 2.0]), path)
    inputs = [{"name": "x", "type": "float64" if steps else "string"}]
    signature = Signature.from_json({"inputs": inputs, "outputs": [{"name": "value", "type": "float64"}]})
    with np.errstate(divide="ignore"):
        predictor = FAMILY.load(path, signature, SETTINGS)
    assert predictor.predict(asked(signature, [{"x": given[1][0]}]))["value"] == pytest.approx(2.0)


def test_histogram_boosting_tells_the_categories_that_it_was_trained_on(tmp_path: Path) -> None:
    signature, _ = of("frame-hist-categories", tmp_path)
    assert [(field.name, field.type, field.nullable, field.categories) for field in signature.inputs] == [
        ("distance", "float64", True, ()),
        ("carrier", "category", True, ("AA", "UA", "WN")),
        ("hour", "float64", True, ()),
    ]


def test_a_pickle_needs_its_digest_and_its_whole_signature(tmp_path: Path) -> None:
    import joblib

    path = tmp_path / "model.joblib"
    joblib.dump(LogisticRegression().fit([[0.0], [1.0]], ["a", "b"]), path)
    with pytest.raises(SignatureError, match=r"list its inputs and outputs, .* in model\.joblib\.signature\.json"):
        bringing.inspect(SklearnPickleFamily(), path)
    said = {"inputs": [{"name": "x", "type": "float64"}], "outputs": [{"name": "label", "type": "string"}]}
    path.with_name("model.joblib.signature.json").write_text(json.dumps(said))
    settings = settings_of(tmp_path, plugins="sklearn", models={"m": path})
    with pytest.raises(ConfigurationError) as error, serving(settings):
        pass
    digest = next(word.strip(".,") for word in str(error.value).split() if len(word.strip(".,")) == 64)
    with serving({**settings, "mlserve.trust.digests": digest}) as app:
        assert app.predict("m", [{"x": 5.0}]).json["outputs"] == [{"label": "b"}]
        assert app.get("/api/v1/models/m/structure").json["structure"]["class"].endswith("LogisticRegression")


def test_the_structure_and_the_page_show_the_steps(tmp_path: Path) -> None:
    path = sklearn_zoo.animal("flights").save(tmp_path)
    with serving(settings_of(tmp_path, plugins="sklearn", models={"flights": path})) as app:
        structure = app.get("/api/v1/models/flights/structure").json["structure"]
        assert [step["class"].rpartition(".")[2] for step in structure["steps"]] == [
            "ColumnTransformer",
            "LogisticRegression",
        ]
        columns = structure["steps"][0]["steps"]
        assert [(part["name"], part["columns"]) for part in columns][:2] == [
            ("carrier", ["carrier"]),
            ("origin", ["origin"]),
        ]
        page = app.get("/models/flights").text
        assert "What the model is made of" in page
        assert "TfidfVectorizer" in page


def test_none_and_nan_are_what_they_were_in_training(tmp_path: Path) -> None:
    from sklearn.preprocessing import OrdinalEncoder

    for missing in (None, np.nan):
        rows = pd.DataFrame({"a": pd.Series(["x", "y", missing], dtype=object)})
        path = tmp_path / "model.skops"
        skops.io.dump(OrdinalEncoder(encoded_missing_value=-5).fit(rows), path)
        signature = bringing.inspect(FAMILY, path)
        predictor = FAMILY.load(path, signature, SETTINGS)
        expected = OrdinalEncoder(encoded_missing_value=-5).fit_transform(rows)
        found = predictor.predict(asked(signature, [{"a": "x"}, {"a": "y"}, {"a": None}]))["output"]
        assert found.ravel().tolist() == expected.ravel().tolist()


def test_the_setting_of_outputs_names_known_ones_only(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, plugins="sklearn", models={}, sklearn__outputs="label odds")
    with pytest.raises(ConfigurationError, match=r"mlserve\.sklearn\.outputs names 'odds'"), serving(settings):
        pass
