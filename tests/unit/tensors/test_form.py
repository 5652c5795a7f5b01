"""What an instance is."""

from typing import get_args

import pytest

from mlserve.errors import SignatureError
from mlserve.tensors import INSTANCES, Mode, inside


def test_an_instance_is_the_tensor_or_what_is_inside_its_first_axis() -> None:
    assert inside("x", (1, 3, None, "width", 0), "one") == (3, -1, -1, -1)
    assert inside("x", ("n", 3), "rows") == (3,)
    assert inside("x", (4, -1), "whole") == (4, -1)
    assert inside("x", (), "rows") == ()


def test_tensors_without_end_are_refused() -> None:
    assert inside("x", (1, 10**8), "one") == (10**8,)
    with pytest.raises(SignatureError, match="'x' has 100000001 numbers"):
        inside("x", (10**8 + 1,), "whole")


def test_each_is_said_in_words() -> None:
    assert {*INSTANCES} == {*get_args(Mode)}
