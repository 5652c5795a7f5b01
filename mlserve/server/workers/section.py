"""The keys of a `[server:…]` section that uses `egg:pyramid-mlserve#workers`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mlserve.errors import ConfigurationError


@dataclass(frozen=True)
class Section:
    """`host` and `port`, or `unix_socket`; numbers of processes and threads; times in seconds."""

    host: str = "127.0.0.1"
    port: int = 6543
    unix_socket: str = ""
    workers: int = 0  # 0: one a processor
    threads: int = 1  # requests that a worker computes at once
    waiting: int = 64  # requests that wait in a worker; one more is answered 503
    patience: float = 5.0  # how long one waits before it is answered 503
    request_timeout: float = 60.0  # after which a request's connection is closed, and a worker that hangs replaced
    idle_timeout: float = 75.0  # after which a connection without a request is closed
    start_timeout: float = 120.0  # for a worker to load its models
    stop_timeout: float = 30.0  # for a worker to answer what it has begun
    backlog: int = 1024  # connections that wait for a worker

    @property
    def hosts(self) -> list[str]:
        """Where it listens, as hosts; none for a socket of this machine."""
        return [] if self.unix_socket else [self.host]

    @property
    def place(self) -> str:
        return f"unix:{self.unix_socket}" if self.unix_socket else f"{self.host}:{self.port}"


_MOST = {"port": 65535, "workers": 1024, "threads": 256, "waiting": 10_000, "backlog": 65535}
_MAY_BE_0 = {"port", "workers", "waiting"}


def read_section(name: str, settings: Mapping[str, str]) -> Section:
    """The section called `[name]`. Raises ConfigurationError naming the key."""
    known = {field.name: field.type for field in fields(Section)}
    values: dict[str, Any] = {}
    for key, text in settings.items():
        if key == "use":
            continue
        if key not in known:
            raise ConfigurationError(f"[{name}] has the key {key}: write one of {', '.join(sorted(known))}.")
        values[key] = text if known[key] is str else _number(name, key, text, known[key])
    section = Section(**values)
    if not section.workers:
        section = Section(**{**values, "workers": os.cpu_count() or 1})
    return section


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
