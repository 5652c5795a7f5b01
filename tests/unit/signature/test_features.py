"""What each kind of field says that it takes."""

from typing import Any

import colander
import pytest

from mlserve.signature import Field
from mlserve.signature.features import feature_type

MANY = tuple(f"c{number}" for number in range(7))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 'a text, such as "ABQ", "ACK"'),
        (None, 'a text, such as "ABQ", "ACK"'),
        (colander.null, 'a value for this field (a text, such as "ABQ", "ACK")'),
        ("a\0b", "a string without the character NUL"),
        ("BOS", None),
    ],
)
def test_a_category_that_takes_any_text_names_some(value: Any, expected: str | None) -> None:
    feature = feature_type(Field("dest", "category", categories=("ABQ", "ACK"), unknown="native"), 5)
    assert [fault.expected for fault in feature.faults(value)] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Field("f", "string"), "a string"),
        (Field("f", "category", categories=MANY, unknown="native"), 'a text, such as "c0", "c1", "c2", "c3", "c4"'),
        (Field("f", "category", categories=MANY), 'one of "c0", "c1", "c2", "c3", "c4" and 2 more'),
    ],
)
def test_few_categories_are_named(field: Field, expected: str) -> None:
    assert feature_type(field, 5).expected == expected
