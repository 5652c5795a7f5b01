"""What a page shows of a reproduction."""

import msgspec
import pytest

from mlserve.dashboard.reproduced import SHOWN, Change, Row, reproduced
from mlserve.predictions.reproduction import Making, compared, unknown
from tests.unit.predictions.factories import OUTPUTS, record

NOW = Making("exact", "pyramid-mlserve-xgboost 0.1.0", "xgboost 4.0.0")


def test_equal_answers_name_what_computes_them_now() -> None:
    shown = reproduced(record(), compared(record(), NOW, OUTPUTS, []))
    assert (shown.said.endswith("equal to the bit."), shown.rows, shown.more) == (True, (), False)
    assert shown.changes == (
        Change("engine", "exact", "exact"),
        Change("plugin", NOW.plugin, NOW.plugin),
        Change("library", "xgboost 3.2.0", "xgboost 4.0.0"),
    )


@pytest.mark.parametrize(("count", "more"), [(1, False), (SHOWN, False), (SHOWN + 1, True), (500, True)])
def test_the_first_differences_are_shown_as_json_writes_them(count: int, more: bool) -> None:
    stored, now = (msgspec.json.encode([{"p": value, "label": "on time"}] * count) for value in (0.1, -1e-9))
    kept = record(outputs=msgspec.Raw(stored), n=count)
    shown = reproduced(kept, compared(kept, NOW, now, []))
    assert (len(shown.rows), shown.more) == (min(count, SHOWN), more)
    assert shown.rows[0] == Row("p", 0, "0.1", "−1e-9")


def test_what_cannot_be_known_has_nothing_to_show_but_the_reason() -> None:
    kept = record(not_kept={"x": "hash"})
    shown = reproduced(kept, unknown(kept))
    assert ("'x' (hash)" in shown.said, shown.rows, shown.changes) == (True, (), ())
