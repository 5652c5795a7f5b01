"""What is drawn of a model's answers, and what is said of it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from mlserve.dashboard.plots import MOST, MOST_OUTPUTS, Plot, Summary, plot_of
from mlserve.predictions.store import Answer
from mlserve.signature import Field, OutputField, Signature


def made(second: int, *outputs: Any, version: int = 1) -> Answer:
    """An answer of that second since 1970, with the outputs of its instances."""
    return Answer(datetime.fromtimestamp(second, UTC), version, msgspec.Raw(msgspec.json.encode(outputs)))


def drawn(*answers: Answer, signature: Signature | None = None) -> Plot:
    plot = plot_of(answers, signature)
    assert plot is not None
    return plot


def test_the_points_go_by_time_and_carry_their_versions() -> None:
    plot = drawn(made(30, {"p": 0.5}, {"p": 0.25}, version=2), made(10, {"p": 1}))
    assert json.loads(plot.data) == {
        "times": [10, 30, 30],
        "versions": [1, 2, 2],
        "outputs": [{"name": "p", "unit": "", "span": None, "values": [1, 0.25, 0.5]}],
    }
    assert plot.outputs == [Summary("p", "", 3, 0.25, 0.5, 1)]
    assert not plot.more


@pytest.mark.parametrize(
    ("name", "values", "span"),
    [
        ("probability", (0.44, 0.44), [0, 1]),
        ("probability", (0.0, 1.0), [0, 1]),
        ("probability", (1.5, 2.0), None),
        ("wait", (1, 2), None),
        ("wait", (20, 20), [19, 21]),
        ("wait", (-20, -20), [-21, -19]),
        ("wait", (0, 0), [-1, 1]),
        ("wait", (5e-324, 5e-324), [-1, 1]),
    ],
)
def test_the_axis_has_the_room_that_the_numbers_need(
    name: str, values: tuple[float, float], span: list[float] | None
) -> None:
    plot = drawn(made(2, {name: values[0]}), made(1, {name: values[1]}))
    assert json.loads(plot.data)["outputs"][0]["span"] == span


def test_only_single_numbers_are_drawn() -> None:
    outputs = {"label": "late", "truth": True, "list": [1.0], "classes": {"a": 0.5}, "count": 3, "p": 0.5}
    plot = drawn(made(2, outputs), made(1, outputs))
    assert [output.name for output in plot.outputs] == ["count", "p"]


def test_what_is_no_finite_number_leaves_a_gap() -> None:
    plot = drawn(made(4, {"p": 4.0}), made(3, {"p": None}), made(2, {}), made(1, {"p": -2}), made(0, {"p": 1.7e308}))
    assert json.loads(plot.data)["outputs"][0]["values"] == [None, -2, None, None, 4.0]
    assert plot.outputs == [Summary("p", "", 2, -2, 1.0, 4.0)]


def test_fewer_than_two_points_are_no_plot() -> None:
    assert plot_of([], None) is None
    assert plot_of([made(1, {"p": 0.5})], None) is None
    assert plot_of([made(2, {"p": 0.5}), made(1, {"p": None})], None) is None
    assert plot_of([made(2, {"p": 0.5, "q": 1}), made(1, {"q": 2})], None) == drawn(
        made(2, {"q": 1}), made(1, {"q": 2})
    )


def test_the_newest_instances_are_drawn_and_no_more_are_read() -> None:
    read = 0

    def endless() -> Iterator[Answer]:
        nonlocal read
        while True:
            read += 1
            yield made(10_000 - read, {"p": read}, {"p": read})

    plot = plot_of(endless(), None)
    assert plot is not None
    assert plot.more
    assert plot.outputs == [Summary("p", "", MOST, 1, (MOST // 2 + 1) / 2, MOST // 2)]
    assert read == MOST // 2 + 1
    assert not drawn(made(1, *[{"p": 1}] * MOST)).more


def test_a_model_of_very_many_outputs_offers_the_first() -> None:
    outputs = {f"x{number}": number for number in range(40)}
    plot = drawn(made(2, outputs), made(1, outputs))
    assert [output.name for output in plot.outputs] == [f"x{number}" for number in range(MOST_OUTPUTS)]
    assert len(json.loads(plot.data)["outputs"]) == MOST_OUTPUTS


def test_the_signature_knows_the_unit() -> None:
    signature = Signature((Field("x", "float32"),), (OutputField("wait", "float32", unit="min"),))
    plot = drawn(made(2, {"wait": 1.5}), made(1, {"wait": 2}), signature=signature)
    assert plot.outputs[0].unit == json.loads(plot.data)["outputs"][0]["unit"] == "min"
