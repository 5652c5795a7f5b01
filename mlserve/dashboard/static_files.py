"""The stylesheets and scripts of the pages: `/static/{version}/{name}`, the same bytes as long as the process runs.

`version` is a hash of all their contents, so that a browser may keep each for ever, and has the new ones as soon as a
page names a new version.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any

from jinja2 import pass_context
from pyramid.config import Configurator
from pyramid.interfaces import IPackageOverrides
from pyramid.response import Response
from pyramid.traversal import DefaultRootFactory

from mlserve.api.methods import only
from mlserve.api.problems import NoSuchResource
from mlserve.auth.guard import Need, guarded
from mlserve.auth.roles import NONE
from mlserve.types import application_of

ROUTE = "dashboard.static"
FOR_EVER = "public, max-age=31536000, immutable"
# Not `mimetypes`: what that one says depends on the machine, and browsers run no script of a wrong type.
TYPES = {
    ".css": "text/css",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True)
class StaticFile:
    """A file as it is answered."""

    content: bytes
    media_type: str
    etag: str


class StaticFiles:
    """The files of `mlserve/static`, read at first use: a plugin may have put its own in their place by then.

    Kept in memory (2 MB), for an upgrade may change them on the disk while a process with the old hash still answers.
    """

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    @cached_property
    def by_name(self) -> dict[str, StaticFile]:
        """Each file by its path below the folder; nothing else can be asked for."""
        folder = files("mlserve") / "static"
        overrides = self._registry.queryUtility(IPackageOverrides, name="mlserve")
        found: dict[str, StaticFile] = {}
        for name in sorted(_names(folder)):
            another = None if overrides is None else overrides.get_string(f"static/{name}")
            content = (folder / name).read_bytes() if another is None else another
            media_type = TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
            found[name] = StaticFile(content, media_type, hashlib.sha256(content).hexdigest())
        return found

    @cached_property
    def version(self) -> str:
        """A hash of all names and contents, 16 hexadecimal digits."""
        names = (f"{name} {file.etag}\n" for name, file in self.by_name.items())
        return hashlib.sha256("".join(names).encode()).hexdigest()[:16]

    def address(self, request: Any, name: str) -> str:
        """The path of a file, route prefix and mount point included. Raises KeyError for a file that is not there."""
        if name not in self.by_name:
            raise KeyError(f"mlserve/static has no file {name!r}")
        address: str = request.route_path(ROUTE, version=self.version, name=name)
        return address


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    application.static_files = StaticFiles(config.registry)
    application.templates.globals["static"] = static
    application.own_addresses.add("/static/")
    # The page of the login needs them.
    config.add_route(ROUTE, "/static/{version}/{name:.+}", factory=guarded(DefaultRootFactory, Need(NONE)))
    config.add_view(static_view, route_name=ROUTE, request_method="GET", require_csrf=False)
    config.add_view(only("GET"), route_name=ROUTE, require_csrf=False)


@pass_context
def static(context: Any, name: str) -> str:
    """For templates: `{{ static("vendor/pico.min.css") }}` is the address of that file."""
    request = context["request"]
    return application_of(request).static_files.address(request, name)


def static_view(request: Any) -> Response:
    """Answer a file, or 304 to whoever has it. Raises NoSuchResource."""
    held = application_of(request).static_files
    file = held.by_name.get(request.matchdict["name"])
    if file is None:
        raise NoSuchResource("There is no such file.")
    response = Response(body=file.content, content_type=file.media_type, conditional_response=True)
    response.charset = "utf-8" if file.media_type.startswith("text/") else None
    response.etag = file.etag
    # While servers of two versions stand behind one address, either is asked for the other's files.
    response.headers["Cache-Control"] = FOR_EVER if request.matchdict["version"] == held.version else "no-cache"
    return response


def _names(folder: Traversable, above: str = "") -> list[str]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _names(entry, f"{above}{entry.name}/")
        elif not entry.name.startswith("."):
            found.append(above + entry.name)
    return found
