"""Outputs by objective: their names and shapes, and labels by threshold or by the likeliest class."""

import numpy as np
import pytest
import xgboost
from xgboost_zoo import MATRIX, RECIPES

from mlserve.errors import SignatureError
from mlserve.signature import Batch, OutputEncoder, OutputField, Signature

NAMES = {
    "binary-logistic": ("probability", ()),
    "binary-logitraw": ("margin", ()),
    "binary-hinge": ("label", ()),
    "binary-two-targets": ("probability", (2,)),
    "softprob-2": ("probability", (2,)),
    "softprob-3": ("probability", (3,)),
    "softmax": ("label", ()),
    "squarederror": ("value", ()),
    "squaredlogerror": ("value", ()),
    "reg-logistic": ("value", ()),
    "pseudohuber": ("value", ()),
    "absoluteerror": ("value", ()),
    "quantile-1": ("quantile", ()),
    "quantile-3": ("quantile", (3,)),
    "gamma": ("value", ()),
    "tweedie": ("value", ()),
    "poisson": ("value", ()),
    "ndcg": ("score", ()),
    "map": ("score", ()),
    "pairwise": ("score", ()),
    "cox": ("risk", ()),
    "aft": ("time", ()),
    "dart": ("probability", ()),
    "linear": ("value", ()),
    "two-targets": ("value", (2,)),
    "two-targets-vector-leaves": ("value", (2,)),
}


def signature_with(family, path, *outputs: OutputField) -> Signature:
    return Signature(family.inspect(path).inputs, outputs)


@pytest.fixture
def ask(zoo, family, load):
    """The answers of a model of the zoo whose signature has these outputs, and its own number for each row."""

    def ask(name, *outputs):
        animal = zoo(name)
        signature = signature_with(family, animal.path, *outputs)
        answer = load(animal.path, signature).predict(Batch.from_rows(signature, animal.rows()))
        return answer, animal.expected(MATRIX)

    return ask


@pytest.mark.parametrize("name", NAMES)
def test_the_objective_names_the_output(name, zoo, family):
    (output,) = family.inspect(zoo(name).path).outputs
    assert (output.name, output.shape) == NAMES[name]
    assert output.type == ("int32" if output.name == "label" else "float32")
    assert output.description


def test_every_objective_of_the_zoo_answers_json(zoo, family, load):
    for name in RECIPES:
        animal = zoo(name)
        signature = family.inspect(animal.path)
        answer = load(animal.path).predict(Batch.from_rows(signature, animal.rows()[:2]))
        text, warnings = OutputEncoder(signature).encode(answer, 2)
        assert text.startswith(b'[{"')
        assert warnings == []


def test_quantiles_are_named_by_their_alphas(zoo, family):
    (several,) = family.inspect(zoo("quantile-3").path).outputs
    assert several.categories == ("0.1", "0.5", "0.925")
    (one,) = family.inspect(zoo("quantile-1").path).outputs
    assert one.description == "predicted 0.3 quantile"


def test_binary_label_is_the_second_class_from_one_half_on(ask):
    answer, expected = ask(
        "binary-logistic",
        OutputField("probability", "float32"),
        OutputField("label", "category", categories=("on time", "late")),
    )
    assert answer["label"].tolist() == (expected[:, 0] >= 0.5).astype(int).tolist()
    assert set(answer["label"].tolist()) == {0, 1}
    assert answer["probability"].tobytes() == expected.tobytes()


def test_a_probability_equal_to_the_threshold_is_the_second_class(zoo, ask):
    expected = zoo("binary-logistic").expected(MATRIX)
    # As a person would copy it from an answer: the shortest text of the float32.
    threshold = float(str(expected[0, 0]))
    label = OutputField("label", "category", categories=("no", "yes"), threshold=threshold)
    answer, _ = ask("binary-logistic", label)
    assert answer["label"].tolist() == (expected[:, 0] >= expected[0, 0]).astype(int).tolist()
    assert answer["label"][0] == 1


def test_the_threshold_of_a_margin_is_a_probability_too(ask):
    label = OutputField("label", "category", categories=("no", "yes"), threshold=0.8)
    answer, expected = ask("binary-logitraw", label)
    assert answer["label"].tolist() == (1 / (1 + np.exp(-expected[:, 0].astype(float))) >= 0.8).astype(int).tolist()


@pytest.mark.parametrize(("threshold", "everyone"), [(0.0, 1), (1.0, 0)])
def test_thresholds_at_the_ends_of_the_scale(threshold, everyone, ask):
    label = OutputField("label", "category", categories=("no", "yes"), threshold=threshold)
    assert set(ask("binary-logitraw", label)[0]["label"].tolist()) == {everyone}


@pytest.mark.parametrize("name", ["softprob-3", "softprob-2"])
def test_label_of_probabilities_is_the_likeliest_class(name, ask):
    classes = ("a", "b", "c")[: int(name[-1])]
    answer, expected = ask(
        name,
        OutputField("probability", "float32", (len(classes),), categories=classes),
        OutputField("label", "category", categories=classes),
    )
    assert answer["label"].tolist() == expected.argmax(axis=1).tolist()
    assert answer["probability"].tobytes() == expected.tobytes()


def test_softmax_gives_its_own_class_a_name(zoo, family, load):
    animal = zoo("softmax")
    label = OutputField("label", "category", categories=("low", "middle", "high"))
    signature = signature_with(family, animal.path, label)
    answer = load(animal.path, signature).predict(Batch.from_rows(signature, animal.rows()[:1]))
    names = [label.categories[int(animal.expected(MATRIX[:1])[0, 0])]]
    text, _ = OutputEncoder(signature).encode(answer, 1)
    assert text.decode() == f'[{{"label":"{names[0]}"}}]'


@pytest.mark.parametrize(
    ("name", "output", "sentence"),
    [
        ("squarederror", OutputField("probability", "float32"), "answers 'value'"),
        ("binary-logistic", OutputField("value", "float32"), "answers 'probability' and, where its categories are"),
        ("squarederror", OutputField("label", "category", categories=("a", "b")), "has no classes to name"),
        ("binary-two-targets", OutputField("label", "category", categories=("a", "b")), "has no classes to name"),
        (
            "binary-logistic",
            OutputField("label", "category", categories=("a", "b", "c")),
            "needs 2 categories",
        ),
        ("softprob-3", OutputField("label", "category", categories=("a", "b")), "needs 3 categories and has 2"),
        ("softprob-3", OutputField("probability", "float32"), r"the model answers float32 \(3,\)"),
        ("softprob-2", OutputField("label", "category", categories=("a", "b"), threshold=0.5), "has no threshold"),
        ("binary-hinge", OutputField("label", "category", categories=("a", "b"), threshold=0.5), "has no threshold"),
        ("binary-logistic", OutputField("label", "category", categories=("a", "b"), threshold=2), "a probability"),
        ("binary-logistic", OutputField("label", "string"), "cannot be of type string"),
        ("binary-logistic", OutputField("label", "int32", (2,)), "cannot have the shape"),
        ("binary-logistic", OutputField("probability", "int32"), "as int32"),
    ],
)
def test_refuses_outputs_that_the_model_does_not_answer(name, output, sentence, zoo, family, load):
    path = zoo(name).path
    with pytest.raises(SignatureError, match=sentence):
        load(path, signature_with(family, path, output))


def test_refuses_an_objective_that_it_does_not_know(zoo, tmp_path, family):
    booster = zoo("squarederror").reference()
    text = booster.save_raw("json").decode().replace("reg:squarederror", "reg:fromthefuture")
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(SignatureError, match=r"'reg:fromthefuture' is not supported; these are: .*binary:logistic"):
        family.inspect(path)


def test_knows_every_objective_of_this_library():
    """The library names all its objectives when it is asked for one that it does not have."""
    data = xgboost.DMatrix(MATRIX[:2], [0, 1])
    with pytest.raises(xgboost.core.XGBoostError) as refusal:
        xgboost.train({"objective": "none such"}, data, 1)
    candidates = {line.partition(": ")[2] for line in str(refusal.value).splitlines() if "candidate" in line}
    assert len(candidates) > 15
    known = {recipe.params.get("objective") for recipe in RECIPES.values()}
    assert candidates - known <= {"reg:linear", "binary:logitraw"}, candidates - known
