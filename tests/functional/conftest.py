"""Passwords are hashed at little cost; `tests/unit/auth/test_passwords.py` says what a real one costs."""

from collections.abc import Iterator
from functools import partial

import pytest
from argon2 import PasswordHasher

from mlserve.auth import passwords


@pytest.fixture(scope="module", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """A quarter of a second of processor time less for each password that is set or tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "PasswordHasher", partial(PasswordHasher, time_cost=1, memory_cost=64, parallelism=1))
        yield
