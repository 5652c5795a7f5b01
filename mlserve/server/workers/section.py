"""The keys of a `[server:…]` section that uses `egg:pyramid-mlserve#workers`."""

import configparser
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from paste.deploy import loadwsgi
from waitress.adjustments import KNOWN_PROXY_HEADERS

from mlserve.errors import ConfigurationError
from mlserve.server import workers as ours

# What the section says as `use`, in the way that all pages write it.
WORKERS = "egg:pyramid-mlserve#workers"


@dataclass(frozen=True)
class Section:
    """`host` and `port`, or `unix_socket`; numbers of processes and threads; times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 6543
    unix_socket: str = ""
    unix_socket_perms: int = 0o600  # who may open it
    workers: int = 0  # 0: one a processor
    slow_workers: int = 0  # beside them, for what takes long
    slow_from: int = 256 * 1024  # such as a body of this size
    threads: int = 1  # requests that a worker computes at once
    waiting: int = 64  # requests that wait in a worker; one more is answered 503
    patience: float = 5.0  # how long one waits before it is answered 503
    # After which a request's connection is closed, and a process that hangs replaced: one that computes for so long, or
    # says nothing for so long and for SILENCE at least.
    request_timeout: float = 60.0
    idle_timeout: float = 75.0  # after which a connection without a request is closed
    start_timeout: float = 120.0  # for a worker to load its models
    stop_timeout: float = 30.0  # for a worker to answer what it has begun
    backlog: int = 1024  # connections that wait for a worker
    pin: bool = False  # each worker keeps to a processor of its own
    preload: bool = True  # what all processes import is imported once, in one that they are forked from
    # As waitress's keys: whose word on the client and on TLS is believed, which headers, and how many such proxies.
    trusted_proxy: str = ""
    trusted_proxy_headers: frozenset[str] = frozenset({"x-forwarded-proto"})
    trusted_proxy_count: int = 1

    @property
    def hosts(self) -> list[str]:
        """Where it listens, as hosts; none for a socket of this machine."""
        return [] if self.unix_socket else [self.host]

    @property
    def place(self) -> str:
        return f"unix:{self.unix_socket}" if self.unix_socket else f"{self.host}:{self.port}"


_MOST = {"port": 65535, "workers": 1024, "slow_workers": 1024, "threads": 256, "waiting": 10_000, "backlog": 65535}
_MOST |= {"trusted_proxy_count": 100}
_MAY_BE_0 = {"port", "workers", "slow_workers", "waiting"}
_SIZES = {"slow_from"}
_YES_OR_NO = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_PERMISSIONS = re.compile(r"0?[0-7]{3}").fullmatch
_SIZE = re.compile(rf"(\d{{1,9}}) ?({'|'.join(_UNITS)})")


def settings_if_ours(ini: str, name: str) -> dict[str, str] | None:
    """What `[server:NAME]` of an INI says, with the sections that it uses; None where another server is meant.

    Read as pserve does, so that each of the ways to write `use` means the same to both. Raises ConfigurationError where
    it cannot be read.
    """
    try:
        context = loadwsgi.loadcontext(loadwsgi.SERVER, f"config:{Path(ini).absolute()}", name=name)
    except (LookupError, ImportError):  # Nothing that is installed here.
        return None
    except configparser.Error as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigurationError(f"[server:{name}] of {ini} cannot be read: {reason}.") from error
    return dict(context.local_conf) if context.object is ours.serve else None


def section_of(ini: str, name: str) -> Section:
    """The section `[server:NAME]` of an INI. Raises ConfigurationError naming the key."""
    settings = settings_if_ours(ini, name)
    if settings is None:
        raise ConfigurationError(f"[server:{name}] of {ini} names another server: write use = {WORKERS}.")
    return read_section(f"server:{name}", settings)


def read_section(name: str, settings: Mapping[str, str]) -> Section:
    """The section called `[name]`. Raises ConfigurationError naming the key."""
    known = {field.name: field.type for field in fields(Section)}
    values: dict[str, Any] = {}
    for key, text in settings.items():
        if key == "use":
            continue
        if key not in known:
            near = get_close_matches(key, known, 1)
            meant = f"did you mean {near[0]}?" if near else f"write one of {', '.join(sorted(known))}."
            raise ConfigurationError(f"[{name}] has the key {key}: {meant}")
        if key in _SIZES:
            values[key] = _size(name, key, text)
        elif key == "unix_socket_perms":
            values[key] = _permissions(name, text)
        elif known[key] is bool:
            values[key] = _yes_or_no(name, key, text)
        elif key == "trusted_proxy":
            values[key] = _proxy(name, text)
        elif key == "trusted_proxy_headers":
            values[key] = _proxy_headers(name, text)
        else:
            values[key] = text if known[key] is str else _number(name, key, text, known[key])
    if not values.get("trusted_proxy"):
        for key in {"trusted_proxy_headers", "trusted_proxy_count"} & values.keys():
            raise ConfigurationError(f"{key} of [{name}] needs trusted_proxy: write the proxy's address there.")
    section = Section(**values)
    return section if section.workers else replace(section, workers=os.cpu_count() or 1)


def _size(name: str, key: str, text: str) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{key} of [{name}] is {text!r}: write a size and its unit, such as 256KiB.")
    return int(found[1]) * _UNITS[found[2]]


def _yes_or_no(name: str, key: str, text: str) -> bool:
    if text.lower() not in _YES_OR_NO:
        raise ConfigurationError(f"{key} of [{name}] is {text!r}: write yes or no.")
    return _YES_OR_NO[text.lower()]


def _permissions(name: str, text: str) -> int:
    if not _PERMISSIONS(text):
        raise ConfigurationError(
            f"unix_socket_perms of [{name}] is {text!r}: write an octal number, such as 660 for its user and its group."
        )
    return int(text, 8)


def _proxy(name: str, text: str) -> str:
    try:
        return text if text in ("", "*") else str(ipaddress.ip_address(text))
    except ValueError:
        raise ConfigurationError(
            f"trusted_proxy of [{name}] is {text!r}: write the proxy's IP address, or * for whoever connects."
        ) from None


def _proxy_headers(name: str, text: str) -> frozenset[str]:
    found = frozenset(text.lower().split())
    said = f"trusted_proxy_headers of [{name}] is {text!r}"
    if not found or found - KNOWN_PROXY_HEADERS:
        raise ConfigurationError(f"{said}: write some of {', '.join(sorted(KNOWN_PROXY_HEADERS))}.")
    if "forwarded" in found and len(found) > 1:
        raise ConfigurationError(f"{said}: write either forwarded or some of those that begin with x-forwarded.")
    return found


def _number(name: str, key: str, text: str, kind: Any) -> Any:
    try:
        value = int(text) if kind is int else float(text)
    except ValueError:
        value = -1
    low = 0 if key in _MAY_BE_0 else 1 if kind is int else 0.01
    high = _MOST.get(key, 86_400)
    if not low <= value <= high:
        what = "a whole number" if kind is int else "a number of seconds"
        raise ConfigurationError(f"{key} of [{name}] is {text!r}: write {what} from {low} to {high}.")
    return value
