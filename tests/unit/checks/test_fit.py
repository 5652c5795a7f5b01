import math
from typing import Any

import pytest

from mlserve.bundles.sample import Column, Sample, read_sample
from mlserve.checks.fit import Fit, check_fit, fit_of
from mlserve.errors import BundleError
from mlserve.signature import Field, OutputField, Signature

SIGNATURE = Signature(
    (
        Field("age", "float32", minimum=0.0),
        Field("origin", "category", categories=("JFK", "LGA"), unknown="refuse", nullable=False),
        Field("note", "string", required=False),
    ),
    (OutputField("value", "float32"),),
)


def told(fit: Fit) -> list[tuple[str | None, str, int, int]]:
    return [(one.problem.field, one.problem.code, one.rows, one.first) for one in fit.refusals]


def test_rows_that_fit_are_kept_in_their_order_and_the_others_told_of_by_field() -> None:
    fit = fit_of(
        SIGNATURE,
        read_sample({"age": [1, -2, None, 4, -5], "origin": ["JFK", "LGA", None, "LGA", "EWR"], "late": [1] * 5}),
    )
    assert fit.places == (0, 3)
    assert [fit.batch.values(name) for name in ("age", "origin", "note")] == [[1, 4], ["JFK", "LGA"], [None, None]]
    assert fit.bodies == (b'[{"age":1,"origin":"JFK"}]', b'[{"age":4,"origin":"LGA"}]')
    assert told(fit) == [
        ("age", "range", 2, 2),
        ("age", "null", 1, 3),
        ("origin", "null", 1, 3),
        ("origin", "category", 1, 5),
    ]
    assert str(fit.refusals[0]).startswith("age: expected ")
    assert str(fit.refusals[0]).endswith("got -2 (range) in 2 rows, row 2 first")


@pytest.mark.parametrize(("most", "state"), [(0.59, "failed"), (0.6, "passed"), (0.0, "failed")])
def test_a_share_of_rows_may_be_refused(most: float, state: str) -> None:
    check = check_fit(fit_of(SIGNATURE, read_sample({"age": [1, 1, -1, -1, -1], "origin": ["JFK"] * 5})), most)
    assert check.state == state
    assert check.sentence.startswith("3 of 5 rows (60.00%) are refused by the signature, ")
    assert len(check.details) == 1


def test_no_row_at_all_is_no_fit() -> None:
    fit = fit_of(SIGNATURE, read_sample({"age": [1.0, 2.0]}))
    assert told(fit) == [("origin", "required", 2, 1)]
    assert (fit.places, fit.bodies, fit.batch.n) == ((), (), 0)
    assert check_fit(fit, 1.0).state == "failed"


def test_texts_of_a_csv_are_read_as_cells() -> None:
    cells = {"age": Column(["1", "x", "9" * 500]), "origin": Column(["JFK", "LGA", "LGA"])}
    fit = fit_of(SIGNATURE, Sample(cells, 3, typed=False))
    assert fit.places == (0,)
    assert told(fit) == [("age", "type", 1, 2), ("age", "overflow", 1, 3)]


def test_infinite_numbers_are_refused_and_not_read_as_missing() -> None:
    fit = fit_of(SIGNATURE, read_sample({"age": [math.inf, 1.0, -math.inf], "origin": ["JFK"] * 3}))
    assert fit.places == (1,)
    assert told(fit) == [("age", "overflow", 2, 1)]


def test_every_row_is_counted_however_many_problems_there_are() -> None:
    inputs = tuple(Field(f"x{number}", "float32") for number in range(30))
    bad, good = ["x"] * 999, [1.0]
    columns: dict[str, Any] = {field.name: [*bad, *good, *bad] for field in inputs}
    fit = fit_of(Signature(inputs, SIGNATURE.outputs), Sample({k: Column(v) for k, v in columns.items()}, 1999, True))
    assert fit.places == (999,)
    # Where one piece has more than 10,000 problems, the last field of a row may go untold, but no row does.
    assert fit.refusals[0].rows == 1998
    assert fit.refused == pytest.approx(1998 / 1999)


def test_what_json_has_no_form_for() -> None:
    with pytest.raises(BundleError, match="The data holds what JSON has no form for"):
        fit_of(SIGNATURE, read_sample({"age": [object()], "origin": ["JFK"]}))
