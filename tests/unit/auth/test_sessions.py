"""Session cookies: nobody but us can make one, and each ends."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.auth.sessions import Sessions

KEY = b"k" * 32


def sessions(now: float = 1000.0, key: bytes = KEY) -> Sessions:
    return Sessions(key, idle=100, lifetime=300, clock=lambda: now)


def test_a_session_is_read_back() -> None:
    assert sessions().read(sessions().begin("ada", "g1")) == ("ada", "g1", 1000, 1000)


def test_another_key_reads_nothing() -> None:
    assert sessions(key=b"x" * 32).read(sessions().begin("ada", "g1")) is None


@pytest.mark.parametrize(("now", "alive"), [(1099, True), (1100, False), (5000, False)])
def test_it_ends_by_idleness(now: float, alive: bool) -> None:
    assert (sessions(now).read(sessions().begin("ada", "g1")) is not None) == alive


def test_it_is_renewed_now_and_then_and_ends_by_its_age_all_the_same() -> None:
    value = sessions().begin("ada", "g1")
    session = sessions(1005).read(value)
    assert session is not None
    assert sessions(1005).renewed(session) is None
    for now in (1090, 1180, 1270):
        session = sessions(now).read(value)
        assert session is not None
        renewed = sessions(now).renewed(session)
        assert renewed is not None
        value = renewed
    assert sessions(1299).read(value) is not None
    assert sessions(1300).read(value) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(place: int, change: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(sessions().begin("ada", "g1")))
    raw[place % len(raw)] ^= change
    assert sessions().read(base64.urlsafe_b64encode(bytes(raw)).decode()) is None


@given(st.text(max_size=300))
def test_no_text_is_a_failure(text: str) -> None:
    assert sessions().read(text) is None
