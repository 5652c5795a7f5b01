"""Which hosts are this machine itself."""

import pytest

from mlserve.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_what_stays_on_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "10.0.0.7", "2001:db8::1", "localhost.example.com", "127.0.0.1.", "1"])
def test_what_may_leave_it(host: str) -> None:
    assert not is_loopback(host)
