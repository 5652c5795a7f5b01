"""What is told of a prediction that was asked again: equal to the bit, what differs, what cannot be known."""

from typing import Any

import msgspec
import pytest

from mlserve.predictions.reproduction import (
    MOST,
    Making,
    compared,
    describe_reproduction,
    sentence,
    unknown,
)
from mlserve.predictions.reproduction_schemas import REPRODUCTION
from tests.unit.predictions.factories import OUTPUTS, record

SAME = Making("exact", "pyramid-mlserve-xgboost 0.1.0", "xgboost 3.2.0")


def warning(value: str, instance: int = 0, output: str = "p") -> dict[str, Any]:
    return {"output": output, "instance": instance, "code": "non_finite", "value": value}


def differences(stored: str, now: str, before: Any = None, after: Any = ()) -> list[tuple[Any, ...]]:
    kept = record(outputs=msgspec.Raw(stored.encode()), warnings=before)
    found = compared(kept, SAME, now.encode(), after)
    assert found.verdict == ("differs" if found.differences else "bit_equal")
    return [(one.output, one.instance, one.stored, one.now) for one in found.differences]


def test_the_same_text_is_the_same_bits() -> None:
    found = compared(record(), SAME, OUTPUTS, [])
    assert (found.verdict, found.differences, found.more, found.changed) == ("bit_equal", (), False, ())
    assert sentence(record(), found) == "Version 1 of model flight-delay answers this again, equal to the bit."


@pytest.mark.parametrize(
    ("stored", "now", "told"),
    [
        ('[{"p":0.1}]', '[{"p":0.10000001}]', [("p", 0, 0.1, 0.10000001)]),
        ('[{"p":0.0}]', '[{"p":-0.0}]', [("p", 0, 0.0, -0.0)]),
        ('[{"p":1,"q":"a"},{"p":2,"q":"b"}]', '[{"p":1,"q":"a"},{"p":2,"q":"c"}]', [("q", 1, "b", "c")]),
        ('[{"p":[1.5,2.5]}]', '[{"p":[1.5,2.0]}]', [("p", 0, [1.5, 2.5], [1.5, 2.0])]),
        ('[{"p":9007199254740993}]', '[{"p":9007199254740992}]', [("p", 0, 9007199254740993, 9007199254740992)]),
    ],
)
def test_each_output_that_differs_is_told(stored: str, now: str, told: list[Any]) -> None:
    assert differences(stored, now) == told


def test_numbers_that_json_cannot_write_are_told_apart() -> None:
    none = '[{"p":null},{"p":1.0}]'
    assert differences(none, none, [warning("nan")], [warning("nan")]) == []
    assert differences(none, none, [warning("inf")], [warning("-inf")]) == [("p", 0, "inf", "-inf")]
    assert differences(none, '[{"p":2.5},{"p":1.0}]', [warning("nan")]) == [("p", 0, "nan", 2.5)]
    many = '[{"p":[1.0,null]}]'
    assert differences(many, many, [warning("inf")], [warning("nan")]) == [("p", 0, "inf", "nan")]


def test_only_so_many_differences_are_listed() -> None:
    for count, more in ((MOST, False), (MOST + 1, True), (MOST + 50, True)):
        stored, now = (msgspec.json.encode([{"p": value}] * count) for value in (1, 2))
        kept = record(outputs=msgspec.Raw(stored), n=count)
        found = compared(kept, SAME, now, [])
        assert (len(found.differences), found.more) == (MOST, more)
        assert f": {'more than ' if more else ''}100 values differ." in sentence(kept, found)


def test_what_it_is_computed_with_is_compared_too() -> None:
    found = compared(record(), Making("exact", SAME.plugin, "xgboost 4.0.0"), OUTPUTS, [])
    assert (found.verdict, found.changed) == ("bit_equal", ("library",))


def test_what_was_not_kept_cannot_be_known() -> None:
    kept = record(not_kept={"x": "hash", "y": "omit"})
    found = unknown(kept)
    assert (found.verdict, found.now, found.changed) == ("unknown", None, ())
    assert sentence(kept, found).endswith("were not kept whole: 'x' (hash), 'y' (omit).")
    told = describe_reproduction(kept, found)
    assert (told["now"], told["not_kept"]) == (None, {"x": "hash", "y": "omit"})
    assert list(told) == REPRODUCTION["required"]
