"""What the suite makes of any signature: instances that fit it, and ones that are refused where and as it is said."""

import json

import pytest
from hypothesis import HealthCheck, given, settings

from mlserve.errors import Invalid, Problem
from mlserve.signature import Decoder, Field, Signature
from mlserve.testing.instances import (
    Instance,
    instances_at_the_ends,
    instances_of,
    instances_with_missing,
    wrong_instances,
)
from tests.unit.signature.strategies import signatures

PATIENT = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def decode(signature: Signature, instances: list[Instance]) -> int:
    decoder = Decoder(signature, max_instances=100, max_problems=1000)
    return decoder.decode(json.dumps(instances).encode(), None).n


def problems(signature: Signature, instance: Instance) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        decode(signature, [instance])
    return list(refused.value.problems)


@PATIENT
@given(signatures())
def test_instances_fit_their_signature(signature: Signature) -> None:
    made = instances_of(signature, 30)
    assert decode(signature, made) == 30
    assert made == instances_of(signature, 30)
    assert decode(signature, instances_at_the_ends(signature)) == 2
    if missing := instances_with_missing(signature):
        assert decode(signature, missing) == len(missing) > 1


@PATIENT
@given(signatures())
def test_wrong_instances_are_wrong_in_the_place_and_way_that_they_say(signature: Signature) -> None:
    for wrong in wrong_instances(signature):
        found = [(problem.field, problem.code) for problem in problems(signature, wrong.instance)]
        assert found == [(wrong.field, wrong.code)]


def test_every_way_of_a_field_to_be_wrong_is_tried() -> None:
    tried = {
        field.type: {wrong.code for wrong in wrong_instances(Signature((field,), ()))}
        for field in (
            Field("x", "int32", minimum=0, maximum=9),
            Field("x", "float64", minimum=0, maximum=9),
            Field("x", "float32", shape=(2,)),
            Field("x", "string", nullable=True),
            Field("x", "category", categories=("a",)),
            Field("x", "bool", required=False),
            Field("x", "uint8", nullable=True),
            Field("x", "float16", shape=(-1,)),
            Field("x", "text"),
            Field("x", "bytes"),
            Field("x", "image"),
        )
    }
    assert tried == {
        "int32": {"type", "null", "required", "overflow", "range", "unknown_field"},
        "float64": {"type", "null", "required", "range", "unknown_field"},
        "float32": {"type", "null", "required", "shape", "unknown_field"},
        "string": {"type", "nul", "required", "unknown_field"},
        "category": {"type", "null", "required", "category", "unknown_field"},
        "bool": {"type", "unknown_field"},
        "uint8": {"type", "required", "overflow", "unknown_field"},
        "float16": {"type", "null", "required", "unknown_field"},
        "text": {"type", "null", "nul", "required", "unknown_field"},
        "bytes": {"type", "null", "base64", "required", "unknown_field"},
        "image": {"type", "null", "base64", "image", "pixels", "required", "unknown_field"},
    }


def test_numbers_are_drawn_within_reach_of_the_bounds() -> None:
    signature = Signature((Field("high", "float64", minimum=1e6), Field("low", "int64", maximum=-1000)), ())
    for instance in instances_of(signature, 50):
        assert 1e6 <= instance["high"] <= 1e6 + 100
        assert -1100 <= instance["low"] <= -1000


def test_nullable_fields_are_missing_now_and_then() -> None:
    signature = Signature((Field("x", "float64", nullable=True), Field("y", "float64")), ())
    made = instances_of(signature, 100)
    assert 5 < sum(instance["x"] is None for instance in made) < 50
    assert all(instance["y"] is not None for instance in made)


@pytest.mark.parametrize("shape", [(), (4, 4, 1)])
def test_pictures_are_small_and_several(shape: tuple[int, ...]) -> None:
    signature = Signature((Field("photo", "image", shape),), ())
    made = instances_of(signature, 50)
    assert decode(signature, made) == 50
    assert 3 < len({instance["photo"] for instance in made}) < 10
    assert max(len(instance["photo"]) for instance in made) < 500
    decoder = Decoder(signature, max_instances=1, max_problems=1, max_pixels=25_000_000)
    for wrong in wrong_instances(signature):
        with pytest.raises(Invalid) as refused:
            decoder.decode(json.dumps([wrong.instance]).encode(), None)
        assert refused.value.problems[0].code == wrong.code
