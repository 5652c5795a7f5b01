"""Explanations out of contributions."""

import numpy as np
import pytest

from mlserve.errors import TooLarge
from mlserve.signature import Batch, Field, OutputField, Signature
from mlserve.trees import explaining
from mlserve.trees.explaining import SECOND, Explainer, blocks_of, scale_of
from tests.unit.trees.oak import SIGNATURE

NAMES = ("a", "b", "c")


def test_the_bias_is_the_last_of_the_contributions() -> None:
    batch = Batch.from_rows(SIGNATURE, [(1.0, "oak"), (2.0, "elm")])
    numbers = np.arange(6.0).reshape(2, 1, 3)
    explain = Explainer("treeshap", "value", (None,), lambda asked: (numbers, numbers.sum(axis=2)))
    told = explain(batch)
    assert (told.contributions.tolist(), told.bias.tolist()) == ([[[0, 1]], [[3, 4]]], [[2], [5]])
    assert told.margin.tolist() == [[3], [12]]
    assert {array.dtype for array in (told.contributions, told.bias, told.margin)} == {np.dtype(np.float32)}


def test_too_many_numbers_are_refused_before_they_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "MAX_NUMBERS", 3)
    with pytest.raises(TooLarge, match="would have 4 numbers, and may have 3"):
        Explainer("treeshap", "value", (None,), lambda batch: pytest.fail("computed"))(
            Batch.from_rows(SIGNATURE, [(1.0, "oak"), (2.0, "elm")])
        )


def test_the_scale_names_the_second_class_where_a_label_does() -> None:
    words = f"log-odds of {SECOND}"
    label = OutputField("label", "category", categories=("no", "yes"))
    assert scale_of(words, Signature((Field("a", "float64"),), (label,))) == "log-odds of yes"
    assert scale_of(words, SIGNATURE) == words


def test_blocks_have_the_names_that_are_known() -> None:
    named = Signature((Field("a", "float64"),), (OutputField("value", "float32", (3,), categories=NAMES),))
    label = Signature((Field("a", "float64"),), (OutputField("label", "category", categories=NAMES),))
    assert blocks_of(1, named, (), are_classes=True) == (None,)
    assert blocks_of(3, named, (), are_classes=False) == NAMES
    assert blocks_of(3, label, (), are_classes=True) == NAMES
    assert blocks_of(3, label, (), are_classes=False) == ("0", "1", "2")
