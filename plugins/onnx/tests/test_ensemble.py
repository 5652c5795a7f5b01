"""What becomes of the sums of leaves: the same to the bit for one row and for many."""

import numpy as np
import pytest

from mlserve_onnx.ensemble import LINKS

SUMS = [0.0, -0.0, 1e-30, -87.99, 87.99, -88.5, 88.5, -1000.0, 1000.0, -3e38, 3e38, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_probability_does_not_depend_on_how_many_rows_are_asked(dtype: type) -> None:
    chance = np.random.default_rng(0)
    sums = np.concatenate([SUMS, *(chance.normal(size=500) * scale for scale in (1, 10, 100))]).astype(dtype)
    sums = sums.reshape(-1, 1)
    many = LINKS["sigmoid"](sums.copy())
    one = np.concatenate([LINKS["sigmoid"](row[np.newaxis]) for row in sums])
    assert one.dtype == many.dtype
    assert one.tobytes() == many.tobytes()
