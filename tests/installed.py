"""What is installed is looked up once: reading it from a hundred folders takes a third of building an application."""

import sys
from functools import cache, wraps
from importlib import metadata

from mlserve.plugins import found as finding


def remember_entry_points() -> None:
    """From here on `mlserve.plugins.found` in this process looks again only where `sys.path` has changed."""
    look = metadata.entry_points

    @cache
    def found(path: tuple[str, ...], group: str) -> metadata.EntryPoints:
        return look(group=group)

    @wraps(look)
    def entry_points(*, group: str) -> metadata.EntryPoints:
        return found(tuple(sys.path), group)

    finding.entry_points = entry_points  # type: ignore[assignment]
