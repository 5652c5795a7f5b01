import os
from pathlib import Path

import pytest
from waitress.adjustments import Adjustments

from mlserve.errors import ConfigurationError
from mlserve.server.workers.section import Section, read_section, section_of, settings_if_ours

NAME = "server:workers"


def test_what_is_not_said_has_its_default() -> None:
    assert read_section(NAME, {"use": "…", "workers": "3"}) == Section(workers=3)
    assert read_section(NAME, {}).workers == os.cpu_count()


def test_each_kind_of_value_is_read() -> None:
    for text in ("660", "0660"):
        assert read_section(NAME, {"unix_socket_perms": text}).unix_socket_perms == 0o660
    for text, meaning in {"yes": True, "On": True, "no": False, "0": False}.items():
        read = read_section(NAME, {"preload": text, "pin": text})
        assert (read.preload, read.pin) == (meaning, meaning)
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
        ("unix_socket_perms", "rw", "write an octal number, such as 660"),
        ("unix_socket_perms", "999", "write an octal number"),
        ("preload", "maybe", "write yes or no"),
        ("slow_from", "256", "write a size and its unit, such as 256KiB"),
        ("trusted_proxy", "nginx", "write the proxy's IP address, or *"),
        ("trusted_proxy", "10.0.0.0/8", "write the proxy's IP address"),
        ("trusted_proxy_headers", "x-real-ip", "write some of forwarded, x-forwarded-by, x-forwarded-for"),
        ("trusted_proxy_headers", "", "write some of"),
        ("trusted_proxy_headers", "forwarded x-forwarded-for", "write either forwarded or"),
        ("trusted_proxy_headers", "x-forwarded-for", "needs trusted_proxy: write the proxy's address there"),
        ("trusted_proxy_count", "0", "write a whole number from 1 to 100"),
        ("trusted_proxy_count", "2", "needs trusted_proxy"),
        ("slow_form", "256KiB", "has the key slow_form: did you mean slow_from?"),
        ("bananas", "2", "has the key bananas: write one of "),
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


@pytest.mark.parametrize(
    "use",
    [
        "egg:pyramid-mlserve#workers",
        "egg:pyramid_mlserve#workers",
        "call:mlserve.server.workers:serve",
        "common",
    ],
)
def test_each_way_to_name_this_server_is_ours(use: str, tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    common = "[server:common]\nuse = egg:pyramid-mlserve#workers\nthreads = 2\n"
    ini.write_text(f"{common}[server:workers]\nuse = {use}\nworkers = 3\n")
    said = settings_if_ours(str(ini), "workers")
    assert said is not None
    assert said["workers"] == "3"
    assert section_of(str(ini), "workers") == Section(workers=3, threads=2 if use == "common" else 1)


@pytest.mark.parametrize("use", ["egg:waitress#main", "egg:pyramid-mlserve", "egg:nobody#workers", "call:json:dumps"])
def test_another_server_is_not(use: str, tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    ini.write_text(f"[server:workers]\nuse = {use}\n")
    assert settings_if_ours(str(ini), "workers") is None
    with pytest.raises(ConfigurationError, match=r"\[server:workers\] of .* names another server"):
        section_of(str(ini), "workers")
    ini.write_text("[server:workers]\nuse = egg:pyramid-mlserve#workers\nport = %(nothing)s\n")
    with pytest.raises(ConfigurationError, match=r"\[server:workers\] of .* cannot be read"):
        section_of(str(ini), "workers")
