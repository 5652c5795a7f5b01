"""Refuses to serve without keys on an address that other hosts can reach, unless the INI says that this is meant."""

import socket
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from mlserve.errors import ConfigurationError
from mlserve.ini_file import open_ini
from mlserve.settings import Settings

# Where servers other than waitress say their address too.
_PLACES = ("host", "listen", "bind")


def refuse_open(settings: Settings, hosts: Iterable[str], section: str = "server:main") -> None:
    """Raises ConfigurationError where one of these addresses is not this machine's own and callers need no key.

    `section` of the INI names them.
    """
    if settings["mlserve.auth.enabled"] or settings["mlserve.auth.open"]:
        return
    for host in hosts:
        if not _is_loopback(host):
            raise ConfigurationError(
                f"[{section}] listens on {host or 'every address'}, where every host could call it without a key: "
                "write mlserve.auth.enabled = true (then mlserve keys create makes a key), or mlserve.auth.open = true "
                "where this is meant, or host = 127.0.0.1."
            )


def refuse_open_ini(settings: Settings, global_config: Mapping[str, str]) -> None:
    """The same of the `[server:main]` beside the application, in the INI that it is started from, if it is from one.

    Raises ConfigurationError.
    """
    ini = global_config.get("__file__")
    if ini is None:
        return
    try:
        loader = open_ini(ini)
        sections = loader.get_sections()
        server = loader.get_settings("server:main", dict(global_config)) if "server:main" in sections else {}
    except Exception:  # What is wrong with an INI is told by whoever reads it to serve with it.
        return
    refuse_open(settings, hosts_of(server))


def hosts_of(server: Mapping[str, Any]) -> list[str]:
    """The hosts that a `[server:…]` section listens on; where it names none, servers listen on every one."""
    if server.get("unix_socket") or not server:
        return []
    given = [str(server[key]) for key in _PLACES if server.get(key)]
    if not given:
        return [""]
    return [_host(place) for text in given for place in text.replace(",", " ").split()]


def _host(place: str) -> str:
    """The host of `host`, `host:port`, `*:port` and `[::1]:port`."""
    if place.startswith("unix:"):
        return "localhost"
    if place.startswith("["):
        return place[1:].partition("]")[0]
    if place.count(":") > 1:
        return place
    host = place.rpartition(":")[0] if ":" in place else place
    return "" if host == "*" else host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        pass
    if host in ("", "*"):
        return False
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return host == "localhost"
    return all(ip_address(str(item[4][0]).partition("%")[0]).is_loopback for item in found)
