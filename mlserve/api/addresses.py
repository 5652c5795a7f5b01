"""Addresses as the caller sees them: percent-encoded, with the mount point in front."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

# What `quote` leaves as it is: nearly every path.
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*").fullmatch


def mount_of(environ: dict[str, Any]) -> str:
    """Where the application is mounted, without a slash at the end: empty at the root of its server."""
    return _quoted(environ.get("SCRIPT_NAME", "")).rstrip("/")


def path_of(environ: dict[str, Any]) -> str:
    """The path of the request, without a slash at the end."""
    mount: str = environ.get("SCRIPT_NAME", "").rstrip("/")
    return _quoted((mount + environ["PATH_INFO"]).rstrip("/"))


def next_page(environ: dict[str, Any], cursor: str) -> str:
    """The value of the header `Link` that leads to the page behind `cursor`."""
    return f'<{page_behind(environ, cursor)}>; rel="next"'


def page_behind(environ: dict[str, Any], cursor: str | None) -> str:
    """The address of a list with the parameters of the request, and the page behind `cursor`; None: its first page."""
    query = [(name, value) for name, value in parse_qsl(environ.get("QUERY_STRING", "")) if name != "cursor"]
    query += [] if cursor is None else [("cursor", cursor)]
    return path_of(environ) + (f"?{urlencode(query)}" if query else "")


@lru_cache(1024)
def _quoted(path: str) -> str:
    # WSGI hands bytes around as texts of latin-1 characters.
    return path if _PLAIN(path) else quote(path.encode("latin-1"))
