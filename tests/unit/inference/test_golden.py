"""What a golden replay notices, with real versions of linear models."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlserve_linear.family import LinearFamily

from mlserve.errors import BundleError, PredictionFailed
from mlserve.inference.golden import Difference, Replay, compare, replay
from mlserve.inference.loaded import Limits, LoadedVersion, load_version
from mlserve.signature import Signature
from tests.factories import linear_model

LIMITS = Limits(body=2**20, instances=100, problems=5, depth=20, explained=10, image_pixels=1_000_000)
GOLDEN = {
    "tolerance": 1e-6,
    "libraries": {"arithmetic": "1"},
    "engine": "exact",
    "instances": [{"x": 1, "y": 2}, {"x": 0.5, "y": 0}, {"x": -3, "y": 0.25}],
    "outputs": [{"value": 1}, {"value": 2}, {"value": -5.25}],
}


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., LoadedVersion]]:
    opened = []

    def load(decimals: int = 3, **coefficients: float) -> LoadedVersion:
        path = linear_model(tmp_path, **coefficients)
        loaded = load_version(
            LinearFamily(),
            path,
            identity={"model": "line", "version": 1, "digest": "", "plugin": ""},
            signature=LinearFamily().inspect(path),
            manifest={},
            settings={"decimals": decimals},
            limits=LIMITS,
        )
        opened.append(loaded)
        return loaded

    yield load
    for loaded in opened:
        loaded.close()


def golden(**changes: Any) -> dict[str, Any]:
    return {**GOLDEN, **changes}


def test_the_same_answers_are_no_difference(load: Callable[..., LoadedVersion]) -> None:
    assert replay(load(), GOLDEN) == Replay((), 0.0)


def test_each_other_answer_is_told(load: Callable[..., LoadedVersion]) -> None:
    found = replay(load(x=2.0, y=-2.0), GOLDEN).differences

    assert found == (Difference(0, "value", 1, -1.0), Difference(2, "value", -5.25, -5.5))
    assert str(found[0]) == "golden row 0: value is -1.0 instead of 1"


@pytest.mark.parametrize(
    ("changes", "deviation"),
    [
        # The same library answers otherwise on another processor: told, and no reason to refuse a version.
        ({}, 5e-7),
        ({"libraries": {"arithmetic": "2"}}, 5e-7),
        ({"engine": None}, 5e-7),
        ({"tolerance": 1e-9}, None),
        ({"tolerance": 0}, None),
    ],
)
def test_floats_may_be_off_by_the_tolerance(
    changes: dict[str, Any], deviation: float | None, load: Callable[..., LoadedVersion]
) -> None:
    outputs = [{"value": 1}, {"value": 2.000001}, {"value": -5.25}]
    found = replay(load(), golden(outputs=outputs, **changes))

    assert len(found.differences) == (deviation is None)
    assert found.deviation == (0.0 if deviation is None else pytest.approx(deviation, rel=1e-5))


def test_an_instance_that_does_not_fit_is_no_difference(load: Callable[..., LoadedVersion]) -> None:
    with pytest.raises(BundleError) as caught:
        replay(load(), golden(instances=[{"x": 1, "y": None}], outputs=[{"value": 1}]))

    assert caught.value.detail == (
        "The golden instances do not fit the signature: at /instances/0/y is null instead of a number."
    )


def test_a_predictor_that_fails(load: Callable[..., LoadedVersion]) -> None:
    with pytest.raises(PredictionFailed):
        replay(load(fail=1.0), golden(instances=[{"fail": 1}], outputs=[{"value": 1}]))


def test_all_kinds_of_outputs_are_compared() -> None:
    signature = Signature.from_json(
        {
            "inputs": [{"name": "x", "type": "float32"}],
            "outputs": [
                {"name": "share", "type": "float32", "shape": [2], "categories": ["no", "yes"]},
                {"name": "vector", "type": "float64", "shape": [2]},
                {"name": "count", "type": "int32"},
                {"name": "label", "type": "category", "categories": ["no", "yes"]},
                {"name": "flag", "type": "bool"},
            ],
        }
    )
    row = {"share": {"no": 0.25, "yes": 0.75}, "vector": [1.0, None], "count": 3, "label": "no", "flag": True}
    others = {
        "share": {"no": 0.25, "yes": 0.7501},
        "vector": [1.0, 2.0],
        "count": 4,
        "label": "yes",
        "flag": 1,
    }

    assert compare(signature, [row], [dict(row)], tolerance=0.0) == Replay((), 0.0)
    for tolerance in (0.0, 1e-6):
        found = compare(signature, [row], [others], tolerance=tolerance)
        assert [difference.output for difference in found.differences] == list(others)
    # Within a tolerance floats may differ, and nothing else.
    near = {**row, "share": {"no": 0.2500001, "yes": 0.75}, "count": 3.0000001}
    beside = compare(signature, [row], [near], tolerance=1e-6)
    assert [found.output for found in beside.differences] == ["count"]
    assert beside.deviation == pytest.approx(1e-7)
    assert compare(signature, [row], [{**row, "vector": [1, None]}], tolerance=0.0) == Replay((), 0.0)
    assert len(compare(signature, [row], [{**row, "vector": [1.0]}], tolerance=0.9).differences) == 1


def test_a_tolerance_is_relative_for_large_answers() -> None:
    large = Signature.from_json(
        {"inputs": [{"name": "x", "type": "float32"}], "outputs": [{"name": "y", "type": "float32"}]}
    )
    one = 1e6
    assert compare(large, [{"y": one}], [{"y": one + 0.9}], tolerance=1e-6).differences == ()
    assert len(compare(large, [{"y": one}], [{"y": one + 1.1}], tolerance=1e-6).differences) == 1
    assert len(compare(large, [{"y": 0}], [{"y": 1.1e-6}], tolerance=1e-6).differences) == 1
