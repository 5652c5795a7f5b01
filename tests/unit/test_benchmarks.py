"""What `make bench` makes of its rounds."""

import pytest

from benchmarks.__main__ import verdict

UNTOLD = "too close, or too few rounds, to tell"


@pytest.mark.parametrize(
    ("reference", "rates", "said"),
    [
        ([200, 220, 210], [100, 105, 110], "mlserve answers 2.00 times as many"),
        ([100, 110, 105], [200, 210, 220], "mlserve answers 0.50 times as many"),
        ([200, 220, 210], [100, 205, 110], UNTOLD),
        ([200, 220, 210], [100, 200, 110], UNTOLD),
        ([200, 220], [100, 105, 110], UNTOLD),
        ([200, 220, 210], [100, 105], UNTOLD),
        ([200], [100], UNTOLD),
    ],
)
def test_a_factor_is_said_where_the_rounds_tell_one(reference: list[float], rates: list[float], said: str) -> None:
    assert verdict("mlserve", reference, rates) == said
