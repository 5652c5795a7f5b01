"""Every example is accepted by the very decoder that the model's requests meet."""

import json
from typing import Any

import pytest

from mlserve.signature import Decoder, Field, OutputField, Signature
from mlserve.signature.examples import example_instance, example_value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("f", "float32"), 0),
        (Field("f", "float32", minimum=0.1), 0.1),
        (Field("f", "float64", minimum=-3, maximum=-0.5), -0.5),
        (Field("f", "int32", minimum=0.5), 1),
        (Field("f", "int64", maximum=-(2**62) - 1), -(2**62) - 1),
        (Field("f", "bool"), False),
        (Field("f", "string"), "text"),
        (Field("f", "category", categories=("b", "a")), "b"),
        (Field("f", "category", categories=("", "a")), ""),
        (Field("f", "float32", shape=(2, 3), minimum=1), [[1, 1, 1], [1, 1, 1]]),
        (Field("f", "float32", nullable=True), 0),
        (Field("f", "float32", example=7.5), 7.5),
        (Field("f", "bool", example=False), False),
    ],
)
def test_an_example_is_accepted(field: Field, value: Any) -> None:
    assert example_value(field) == value
    signature = Signature((field,), (OutputField("value", "float64"),))
    decoder = Decoder(signature, max_instances=1, max_problems=1)
    assert decoder.decode(json.dumps([example_instance(signature)]).encode(), None).n == 1
