"""How often a model is asked for a Batch, and with what."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mlserve.errors import Invalid
from mlserve.signature import Batch, Field, OutputField, Signature
from mlserve.tensors import Mode, Runner, column_feed

FIXED = Field("x", "float32", shape=(2,))
VARYING = Field("x", "float32", shape=(-1,))


class Doubling:
    """y is x + x; remembers the shapes that it was asked with."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        self.shapes.append(arrays[0].shape)
        return [arrays[0] * 2]


def asked(mode: Mode, field: Field, rows: list[Any], **more: bool) -> tuple[list[Any], Doubling]:
    signature = Signature((field,), (OutputField("y", "float32", shape=field.shape),))
    model = Doubling()
    runner = Runner(model, mode, [column_feed(field, field)], signature.outputs, **more)
    (answer,) = runner(Batch.from_rows(signature, [(row,) for row in rows]))
    return [row.tolist() for row in answer], model


def test_rows_are_one_run() -> None:
    answer, model = asked("rows", FIXED, [[1, 2], [3, 4]])
    assert answer == [[2, 4], [6, 8]]
    assert model.shapes == [(2, 2)]


def test_rows_of_one_size_are_one_run() -> None:
    answer, model = asked("rows", VARYING, [[1, 2], [3], [4, 5], []])
    assert answer == [[2, 4], [6], [8, 10], []]
    assert model.shapes == [(2, 2), (1, 1), (1, 0)]


@pytest.mark.parametrize(("mode", "shape"), [("one", (1, 2)), ("whole", (2,))])
def test_other_instances_are_a_run_each(mode: Mode, shape: tuple[int, ...]) -> None:
    answer, model = asked(mode, FIXED, [[1, 2], [3, 4]])
    assert answer == [[2, 4], [6, 8]]
    assert model.shapes == [shape, shape]


@pytest.mark.parametrize("mode", ["rows", "one", "whole"])
def test_tensors_that_hold_nothing_are_refused_where_the_model_takes_none(mode: Mode) -> None:
    with pytest.raises(Invalid, match="hold nothing") as refused:
        asked(mode, VARYING, [[1], []], takes_empty=False)
    assert [problem.instance for problem in refused.value.problems] == [1]
    assert asked(mode, VARYING, [[1], []])[0] == [[2], []]


def test_answers_of_another_length_are_an_error() -> None:
    signature = Signature((FIXED,), (OutputField("y", "float32"),))
    runner = Runner(lambda arrays: [np.zeros(3)], "rows", [column_feed(FIXED, FIXED)], signature.outputs)
    with pytest.raises(ValueError, match=r"output 'y' has the shape \(3,\) for 1 instances"):
        runner(Batch.from_rows(signature, [([1, 2],)]))
