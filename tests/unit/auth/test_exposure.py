"""A server without keys listens on this machine only, unless somebody says that more is meant."""

from pathlib import Path

import pytest

from mlserve.auth.exposure import hosts_of, refuse_open, refuse_open_ini
from mlserve.errors import ConfigurationError
from mlserve.settings import read_settings


@pytest.mark.parametrize(
    ("server", "hosts"),
    [
        ({"host": "127.0.0.1", "port": "6543"}, ["127.0.0.1"]),
        ({"port": "6543"}, [""]),
        ({"listen": "127.0.0.1:6543 [::1]:6543"}, ["127.0.0.1", "::1"]),
        ({"listen": "*:6543"}, [""]),
        ({"listen": "localhost:80,0.0.0.0:80"}, ["localhost", "0.0.0.0"]),
        ({"host": "::1"}, ["::1"]),
        ({"host": "*"}, [""]),
        ({"bind": "unix:/run/x.sock"}, ["localhost"]),
        ({"use": "egg:waitress#main", "unix_socket": "/run/x.sock"}, []),
        ({}, []),
    ],
)
def test_hosts_of_a_server(server: dict[str, str], hosts: list[str]) -> None:
    assert hosts_of(server) == hosts


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.6.7", "::1", "localhost"])
def test_this_machine_s_own_addresses_need_no_keys(host: str) -> None:
    refuse_open(read_settings({}, {}, None), [host])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "*", "192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_every_other_address_is_refused_without_keys(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"write mlserve\.auth\.enabled = true"):
        refuse_open(read_settings({}, {}, None), [host])
    refuse_open(read_settings({"mlserve.auth.enabled": "true"}, {}, None), [host])
    refuse_open(read_settings({"mlserve.auth.open": "true"}, {}, None), [host])


def test_the_server_beside_the_application_is_looked_at(tmp_path: Path) -> None:
    ini = tmp_path / "x.ini"
    settings = read_settings({}, {}, tmp_path)
    ini.write_text("[server:main]\nuse = egg:waitress#main\nhost = %(address)s\n")
    refuse_open_ini(settings, {"__file__": str(ini), "address": "127.0.0.1"})
    with pytest.raises(ConfigurationError, match=r"listens on 192\.0\.2\.1,"):
        refuse_open_ini(settings, {"__file__": str(ini), "address": "192.0.2.1"})
    refuse_open_ini(settings, {})


@pytest.mark.parametrize("content", ["", "[app:main]\n", "[server:main\n", "[server:main]\nhost = %(nothing)s\n"])
def test_an_ini_without_a_readable_server_is_somebody_else_s_to_refuse(tmp_path: Path, content: str) -> None:
    ini = tmp_path / "x.ini"
    ini.write_text(content)
    refuse_open_ini(read_settings({}, {}, tmp_path), {"__file__": str(ini)})
