import os

import pytest
from waitress.adjustments import Adjustments

from mlserve.errors import ConfigurationError
from mlserve.server.workers.section import Section, read_section

NAME = "server:workers"


def test_what_is_not_said_has_its_default() -> None:
    assert read_section(NAME, {"use": "…", "workers": "3"}) == Section(workers=3)
    assert read_section(NAME, {}).workers == os.cpu_count()


def test_each_kind_of_value_is_read() -> None:
    read = read_section(NAME, {"host": "::1", "patience": "0.5", "slow_workers": "0", "slow_from": "2 MiB"})
    assert (read.host, read.patience, read.slow_workers, read.slow_from) == ("::1", 0.5, 0, 2 * 2**20)


def test_a_proxy_is_read_as_waitress_reads_it() -> None:
    for settings in (
        {"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": "X-Forwarded-For  x-forwarded-proto"},
        {"trusted_proxy": "*", "trusted_proxy_headers": "forwarded", "trusted_proxy_count": "2"},
        {"trusted_proxy": ""},
    ):
        section, waitress = read_section(NAME, settings), Adjustments(**settings)
        assert section.trusted_proxy == (waitress.trusted_proxy or "")
        assert section.trusted_proxy_count == waitress.trusted_proxy_count
        if section.trusted_proxy:
            assert section.trusted_proxy_headers == waitress.trusted_proxy_headers
    with pytest.warns(DeprecationWarning, match="X-Forwarded-Proto"):
        assert Section().trusted_proxy_headers == Adjustments(trusted_proxy="*").trusted_proxy_headers
    assert read_section(NAME, {"trusted_proxy": "0:0::1"}).trusted_proxy == "::1", "as an environ has it"


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("threads", "0", "write a whole number from 1 to 256"),
        ("threads", "two", "write a whole number"),
        ("port", "70000", "from 0 to 65535"),
        ("patience", "0", "write a number of seconds from 0.01"),
        ("patience", "nan", "write a number of seconds"),
        ("slow_from", "256", "write a size and its unit, such as 256KiB"),
        ("trusted_proxy", "nginx", "write the proxy's IP address, or *"),
        ("trusted_proxy", "10.0.0.0/8", "write the proxy's IP address"),
        ("trusted_proxy_headers", "x-real-ip", "write some of forwarded, x-forwarded-by, x-forwarded-for"),
        ("trusted_proxy_headers", "", "write some of"),
        ("trusted_proxy_headers", "forwarded x-forwarded-for", "write either forwarded or"),
        ("trusted_proxy_headers", "x-forwarded-for", "needs trusted_proxy: write the proxy's address there"),
        ("trusted_proxy_count", "0", "write a whole number from 1 to 100"),
        ("trusted_proxy_count", "2", "needs trusted_proxy"),
        ("slow_form", "256KiB", "has the key slow_form: write one of "),
    ],
)
def test_a_wrong_value_is_named_with_its_key(key: str, text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_section(NAME, {key: text})
    assert key in str(raised.value)
    assert says in str(raised.value)
    assert f"[{NAME}]" in str(raised.value)


def test_where_it_listens_is_told_as_hosts() -> None:
    assert read_section(NAME, {"host": "0.0.0.0"}).hosts == ["0.0.0.0"]
    assert read_section(NAME, {"unix_socket": "/run/s"}).hosts == []
    assert read_section(NAME, {"unix_socket": "/run/s"}).place == "unix:/run/s"
