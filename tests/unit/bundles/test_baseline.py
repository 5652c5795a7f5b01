from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.bundles.baseline import BINS, baseline_of
from mlserve.bundles.canonical import MOST_PARTS, canonical_json, from_canonical
from mlserve.bundles.parts import check_baseline
from mlserve.signature import Batch, Field, OutputField, Signature


def summary_of(field: Field, values: list[Any]) -> dict[str, Any]:
    signature = Signature((field,), ())
    baseline = baseline_of(Batch.from_columns(signature, {field.name: values}), {})
    check_baseline(from_canonical(canonical_json(baseline)), signature)
    summary: dict[str, Any] = baseline["inputs"][field.name]
    return summary


def answers_of(output: OutputField, array: Any) -> dict[str, Any]:
    signature = Signature((Field("x", "float32"),), (output,))
    batch = Batch.from_columns(signature, {"x": [0.0] * len(array)})
    baseline = baseline_of(batch, {output.name: np.asarray(array)})
    check_baseline(from_canonical(canonical_json(baseline)), signature)
    summary: dict[str, Any] = baseline["outputs"][output.name]
    return summary


def test_numbers_are_counted_in_bins_of_about_as_many() -> None:
    found = summary_of(Field("x", "float64", nullable=True), [*np.arange(1000) / 10, None, None])

    assert (found["count"], found["missing"]) == (1000, 2)
    assert (found["minimum"], found["maximum"], found["mean"]) == (0, 99.9, 49.95)
    assert len(found["histogram"]["counts"]) == BINS
    assert set(found["histogram"]["counts"]) <= {49, 50, 51}


@given(
    st.lists(
        st.none() | st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, -0.0, 1.0, 2.0**127, -(2.0**127)]),
        min_size=1,
        max_size=300,
    )
)
def test_every_number_is_in_a_bin(values: list[float | None]) -> None:
    found = summary_of(Field("x", "float32", nullable=True), values)
    present = [value for value in values if value is not None]

    assert (found["count"], found["missing"]) == (len(present), len(values) - len(present))
    if present:
        assert sum(found["histogram"]["counts"]) == len(present)
        assert found["histogram"]["edges"][0] == found["minimum"] == min(present)
        assert found["histogram"]["edges"][-1] == found["maximum"] == max(present)
    else:
        assert "histogram" not in found


def test_a_few_whole_numbers_have_a_bin_each() -> None:
    found = summary_of(Field("month", "int32"), [1, 2, 2, 12])
    assert found["histogram"] == {"edges": [1, 2, 12, 13], "counts": [1, 2, 1]}
    assert sum(summary_of(Field("id", "int64"), list(range(100)))["histogram"]["counts"]) == 100
    assert summary_of(Field("id", "int64"), [2**60, 2**61])["maximum"] == 2**61


def test_doubles_at_the_end_of_their_range() -> None:
    assert summary_of(Field("x", "float64"), [1.7e308, 1.7e308, -1.7e308])["count"] == 3


def test_categories_and_truth_values() -> None:
    field = Field("c", "category", categories=("a", "b"), unknown="native", nullable=True)
    found = summary_of(field, ["a", "a", "secret", None])
    assert found == {"count": 3, "missing": 1, "values": {"a": 2, "b": 0}, "others": 1}

    found = summary_of(Field("flag", "bool"), [True, False, True])
    assert found == {"count": 3, "missing": 0, "values": {"false": 1, "true": 2}, "others": 0}


@pytest.mark.parametrize(
    "field", [Field("x", "string"), Field("x", "string", keep="hash"), Field("x", "string", keep="omit")]
)
def test_texts_are_counted_only(field: Field) -> None:
    assert summary_of(field, ["a@b.c", "d@e.f"]) == {"count": 2, "missing": 0}


def test_what_the_log_does_not_keep_is_counted_only() -> None:
    assert summary_of(Field("income", "float64", keep="omit"), [1.0, 2.0]) == {"count": 2, "missing": 0}
    field = Field("c", "category", categories=("a",), keep="hash")
    assert summary_of(field, ["a"]) == {"count": 1, "missing": 0}


def test_a_tensor_is_one_histogram() -> None:
    found = summary_of(Field("image", "float32", (2, 2), nullable=True), [[[1, 2], [3, 4]], None])
    assert (found["count"], found["missing"], found["mean"]) == (1, 1, 2.5)
    assert sum(found["histogram"]["counts"]) == 4


def test_answers() -> None:
    found = answers_of(OutputField("y", "float32"), np.array([0.5, np.nan, np.inf, 1.5], np.float32))
    assert (found["count"], found["missing"], found["mean"]) == (2, 2, 1)

    label = OutputField("label", "category", categories=("no", "yes"))
    expected = {"count": 3, "missing": 0, "values": {"no": 1, "yes": 2}, "others": 0}
    assert answers_of(label, np.array([0, 1, 1], np.int32)) == expected
    assert answers_of(label, np.array(["no", "yes", "yes"], object)) == expected
    assert answers_of(OutputField("note", "string"), np.array(["a"], object)) == {"count": 1, "missing": 0}

    classes = OutputField("probability", "float32", (2,), ("no", "yes"))
    found = answers_of(classes, [[0.25, 0.75], [0.5, 0.5]])
    assert list(found["elements"]) == ["no", "yes"]
    assert found["elements"]["yes"]["maximum"] == 0.75
    assert list(answers_of(OutputField("v", "float32", (2,)), [[1, 2]])["elements"]) == ["0", "1"]
    assert answers_of(OutputField("v", "float32", (10, 10)), np.zeros((3, 10, 10)))["count"] == 300


def test_a_model_of_ten_thousand_numbers_has_room_in_a_manifest() -> None:
    """Told of a hundredth of them; the golden predictions have at most 100,000 values."""
    signature = Signature(tuple(Field(f"gene_{number}", "float32", example=0.5) for number in range(100)), ())
    rows = np.random.default_rng(1).random((100, 100)).astype(np.float32).tolist()
    batch = Batch.from_rows(signature, [tuple(row) for row in rows])
    text = canonical_json([baseline_of(batch, {}), signature.to_json()])
    parts = sum(text.count(sign) for sign in (b",", b"[", b"{", b"\\"))
    assert 100 * parts + 100_000 < 0.8 * MOST_PARTS


def test_lengths_are_told_of_texts_and_bytes() -> None:
    found = summary_of(Field("x", "text", nullable=True), ["", "abc", None, "ab\nc"])
    assert (found["count"], found["missing"]) == (3, 1)
    assert (found["elements"]["length"]["minimum"], found["elements"]["length"]["maximum"]) == (0, 4)
    assert summary_of(Field("x", "bytes", shape=(-1,)), [[b"a"], [], [b"", b"abc"]])["elements"]["length"]["count"] == 3
    assert summary_of(Field("x", "bytes", keep="hash"), [b"a"]) == {"count": 1, "missing": 0}
    assert summary_of(Field("x", "string"), ["abc"]) == {"count": 1, "missing": 0}


def test_tensors_of_any_size_are_summed_up() -> None:
    found = summary_of(Field("x", "uint8", shape=(-1,), nullable=True), [[1, 2], [], None, [255]])
    assert (found["count"], found["missing"], found["minimum"], found["maximum"]) == (3, 1, 1, 255)
    assert summary_of(Field("x", "uint8", shape=(-1,)), [[], []]) == {"count": 2, "missing": 0}
    signature = Signature((Field("x", "float32"),), (OutputField("y", "float32", shape=(-1,)),))
    batch = Batch.from_columns(signature, {"x": [0.0, 1.0]})
    told = baseline_of(batch, {"y": [np.array([1, np.nan]), np.zeros(0)]})["outputs"]["y"]
    assert (told["count"], told["missing"], told["maximum"]) == (1, 1, 1)
