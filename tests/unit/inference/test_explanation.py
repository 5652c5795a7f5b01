"""Explanations: shapes that fit, and JSON that gives the very float32 back."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlserve.inference import Explanation
from mlserve.inference.explanation import explanation_json
from mlserve.signature import Field, Signature

SIGNATURE = Signature((Field("x", "float64"), Field('50%"', "string")), ())
NUMBERS = st.floats(width=32)


def explanation(values: Any, blocks: tuple[str | None, ...] = (None,)) -> Explanation:
    """From an array (n, blocks, 2 + inputs): margin, bias and contributions."""
    values = np.asarray(values, np.float32)
    return Explanation("terms", "value", blocks, values[..., 2:], values[..., 1], values[..., 0])


def test_it_is_written_by_instance_block_and_field() -> None:
    made = explanation([[[1, 0.5, 0.25, 0.1], [-1, 2, 3, 4]]], ("on time", "late"))
    assert json.loads(explanation_json(made, SIGNATURE)) == {
        "method": "terms",
        "scale": "value",
        "instances": [
            {
                "blocks": [
                    {"name": "on time", "margin": 1.0, "bias": 0.5, "contributions": {"x": 0.25, '50%"': 0.1}},
                    {"name": "late", "margin": -1.0, "bias": 2.0, "contributions": {"x": 3.0, '50%"': 4.0}},
                ]
            }
        ],
    }


@given(
    values=st.integers(1, 3).flatmap(
        lambda blocks: arrays.arrays(
            np.float32, st.tuples(st.integers(0, 4), st.just(blocks), st.just(4)), elements=NUMBERS
        )
    )
)
def test_every_number_comes_back_to_the_bit_and_what_json_cannot_write_is_null(values: Any) -> None:
    blocks = tuple(f"b{number}" for number in range(values.shape[1]))
    read = json.loads(explanation_json(explanation(values, blocks), SIGNATURE))
    found = [
        [[block["margin"], block["bias"], *block["contributions"].values()] for block in instance["blocks"]]
        for instance in read["instances"]
    ]
    assert np.array(found, np.float32).shape == values.shape or not len(values)
    finite = np.isfinite(values)
    for place in np.ndindex(values.shape):
        told = found[place[0]][place[1]][place[2]]
        assert (told is not None) == finite[place]
        assert told is None or np.float32(told).tobytes() == values[place].tobytes()


def test_what_is_hidden_is_null_and_nothing_else_is() -> None:
    made = explanation([[[1, 2, 3, 4]], [[5, 6, 7, 8]]])
    read = json.loads(explanation_json(made, SIGNATURE, {"x": "hash"}))
    assert [instance["blocks"][0]["contributions"] for instance in read["instances"]] == [
        {"x": None, '50%"': 4.0},
        {"x": None, '50%"': 8.0},
    ]
    assert made.contributions[0, 0, 0] == 3  # What is hidden in the text is not lost for whoever shows it.


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"contributions": np.zeros((2, 1, 2))}, r"the shape of contributions is (2, 1, 2), not (2, 1, 3)"),
        ({"bias": np.zeros(2)}, "the shape of bias is (2,), not (2, 1)"),
        ({"margin": np.zeros((2, 2))}, "the shape of margin is (2, 2), not (2, 1)"),
        ({"blocks": ("a", "b")}, "the shape of contributions is (2, 1, 3), not (2, 2, 3)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(changed: dict[str, Any], words: str | None) -> None:
    fields = {
        "blocks": (None,),
        "contributions": np.zeros((2, 1, 3)),
        "bias": np.zeros((2, 1)),
        "margin": np.zeros((2, 1)),
    }
    assert Explanation("m", "s", **(fields | changed)).misshapen(2, 3) == words
