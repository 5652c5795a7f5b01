"""Addresses as the caller sees them: percent-encoded, with the mount point in front."""

import re
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
    query = [(name, value) for name, value in parse_qsl(environ.get("QUERY_STRING", "")) if name != "cursor"]
    return f'<{path_of(environ)}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'


def _quoted(path: str) -> str:
    # WSGI hands bytes around as texts of latin-1 characters.
    return path if _PLAIN(path) else quote(path.encode("latin-1"))
