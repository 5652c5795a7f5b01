"""Values as people read them."""

from typing import Any

import pytest

from mlserve.dashboard import present
from mlserve.signature import Field, OutputField, Signature


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.39164388, "0.3916"),
        (1234567, "1,234,567"),
        (1234567.89, "1,234,567.9"),
        (1e20, "1e+20"),
        (1.25e-7, "1.25e-07"),
        (-1.0771, "−1.077"),
        (-1234567, "−1,234,567"),
        (0.0, "0"),
        (None, "–"),
        (True, "true"),
        ("x", "x"),
        ([1, 2], "[1,2]"),
    ],
)
def test_numbers(value: Any, text: str) -> None:
    assert present.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.1234, "+0.1234"), (-2.5, "−2.5"), (0.0, "0"), (None, "not kept")])
def test_contributions_have_a_sign(value: float | None, text: str) -> None:
    assert present.signed(value) == text
    assert present.signed(None, "–") == "–"


@pytest.mark.parametrize(("value", "text"), [(0.79, "+0.7900"), (-1234.06814, "−1,234.0681"), (0.0, "0"), (None, "–")])
def test_contributions_have_the_decimals_of_their_table(value: float | None, text: str) -> None:
    assert present.signed(value, "–", 4) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (77.0, "77"),
        (77, "77"),
        (0.5, "0.5"),
        (-5.0, "−5"),
        ([1.0, [2.5]], "[1,[2.5]]"),
        ("-5", "-5"),
        ("77.0", "77.0"),
        (1e300, "1e300"),
        (True, "true"),
    ],
)
def test_a_value_reads_as_it_was_typed(value: Any, text: str) -> None:
    assert present.given(value) == text


@pytest.mark.parametrize(
    ("value", "headline", "exact"),
    [
        (21.0, "21", ""),
        (-0.5, "−0.5", ""),
        (-0.39164388, "−0.3916", "−0.39164388"),
        (123456, "123,456", ""),
        (0.39164388, "0.3916", "0.39164388"),
        (True, "true", ""),
        ("x" * 61, "x" * 59 + "…", "x" * 61),
    ],
)
def test_a_number_is_shown_once_where_that_says_it_all(value: Any, headline: str, exact: str) -> None:
    (output,) = present.outputs_of(None, {"minutes": value})
    assert (output.headline, output.exact) == (headline, exact)


def test_a_label_tells_its_threshold() -> None:
    label = OutputField("label", "category", categories=("on_time", "late"), threshold=0.26)
    signature = Signature((Field("x", "float32"),), (label,))
    assert present.outputs_of(signature, {"label": "late"})[0].rule == "late from a probability of 0.26"


def test_a_category_is_unseen_where_training_had_others() -> None:
    inputs = (
        Field("open", "category", categories=("a", "b"), unknown="native", nullable=True),
        Field("closed", "category", categories=("a",)),
        Field("pair", "category", shape=(2,), categories=("a",), unknown="native"),
        Field("text", "string"),
    )
    signature = Signature(inputs, (OutputField("value", "float64"),))
    assert present.unseen(signature, {"open": "c", "closed": "c", "pair": ["a", "c"], "text": "c"}) == {"open", "pair"}
    assert present.unseen(signature, {"open": "b", "pair": ["a", "a"]}) == frozenset()
    assert present.unseen(signature, {"open": None}) == present.unseen(None, {"open": "c"}) == frozenset()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.17212, "17.2 %"), (0, "0.0 %"), (1, "100.0 %"), (1e-6, "< 0.1 %"), (0.999999, "> 99.9 %"), (0.5, "50.0 %")],
)
def test_a_percentage_never_claims_certainty(value: float, text: str) -> None:
    assert present.percent(value) == text


def test_the_label_is_read_first_and_a_probability_twice() -> None:
    signature = Signature(
        (Field("x", "float32"),),
        (
            OutputField("probability", "float32", description="of being late"),
            OutputField("label", "category", categories=("on_time", "late")),
        ),
    )
    label, probability = present.outputs_of(signature, {"probability": 0.25, "label": "late"})
    assert (label.name, label.headline) == ("label", "late")
    assert (probability.headline, probability.exact, probability.width) == ("25.0 %", "0.25", 25.0)
    assert probability.description == "of being late"
    assert present.labels_of(signature, {"probability": 0.25, "label": "late"}) == ["late"]


def test_a_distribution_is_sorted_and_a_vector_is_not() -> None:
    (chances,) = present.outputs_of(None, {"probability": {"a": 0.1, "b": 0.7, "c": 0.2}})
    assert [(share.name, share.width) for share in chances.shares] == [("b", 70.0), ("c", 20.0), ("a", 10.0)]
    (values,) = present.outputs_of(None, {"quantile": {"0.1": -1.0, "0.9": 4.0, "x": None}})
    assert [(share.name, share.width) for share in values.shares] == [("0.1", 25.0), ("0.9", 100.0), ("x", 0.0)]


def test_the_classes_after_the_tenth_are_folded() -> None:
    (few,) = present.outputs_of(None, {"probability": {f"c{n}": 0.1 for n in range(10)}})
    assert (len(few.shares), few.folded) == (10, [])
    (many,) = present.outputs_of(None, {"probability": {f"c{n}": n / 66 for n in range(12)}})
    assert [share.name for share in many.shares] == [f"c{n}" for n in range(11, 1, -1)]
    assert [share.name for share in many.folded] == ["c1", "c0"]


def test_outputs_in_a_line() -> None:
    assert present.short_outputs({"probability": 0.39164388, "label": "late"}) == "probability 0.3916 · label late"
    assert present.short_outputs({"p": {"a": 0.1, "b": 0.9}}) == "p b 0.9"
    assert len(present.short_outputs({"x" * 10_000: "y" * 10_000})) < 200


def test_metrics_with_the_same_names_stand_side_by_side() -> None:
    metrics = {
        "trees": 76,
        "split": {"train": "January"},
        "train": {"rows": 10, "auc": 0.8},
        "test": {"rows": 5, "brier": 0.1},
        "by_month": {"2013-07": {"auc": 0.7}},
        "odd": [1],
    }
    found = present.metrics_of(metrics)
    assert found.numbers == [("trees", "76"), ("split train", "January"), ("odd", "[1]")]
    assert [(table.title, table.columns) for table in found.tables] == [
        ("", ["rows", "auc", "brier"]),
        ("by_month", ["auc"]),
    ]
    assert found.tables[0].rows == [("train", ["10", "0.8", "–"]), ("test", ["5", "–", "0.1"])]
    assert present.at_a_glance(metrics) == ("test", [("brier", "0.1")])
    assert present.at_a_glance({"auc": 0.5}) == ("", [("auc", "0.5")])


def test_the_familiar_metrics_come_first() -> None:
    scores = dict.fromkeys(["accuracy", "auc", "base_rate", "brier", "log_loss", "rows"], 0.5)
    _, numbers = present.at_a_glance({"test": scores})
    assert [name for name, _ in numbers] == ["auc", "accuracy", "log_loss", "brier"]


@pytest.mark.parametrize("metrics", [None, [], "x", {}, {"a": {}}])
def test_other_metrics_do_no_harm(metrics: Any) -> None:
    assert present.metrics_of(metrics).numbers == present.metrics_of(metrics).tables == []
    assert present.at_a_glance(metrics) == ("", [])
