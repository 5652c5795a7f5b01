"""The versions of a model as REST resources: register, list, describe, retire."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from mlserve.api.addresses import next_page, path_of
from mlserve.api.bodies import json_body
from mlserve.api.members import members
from mlserve.api.query import read_query
from mlserve.api.reason import ReasonQuery
from mlserve.api.resources import Resource
from mlserve.bundles import BundleStore, Manifest, archive
from mlserve.bundles.archive import ArchiveLimits
from mlserve.errors import (
    BundleError,
    Invalid,
    SignatureError,
    StoreUnavailable,
    TooLarge,
    Unreadable,
    UnsupportedMediaType,
)
from mlserve.events import author_of
from mlserve.registry import aliases, service
from mlserve.registry import version_operations as operations
from mlserve.registry.bringing import register_kept
from mlserve.registry.described import describe_version
from mlserve.registry.loading import giving_way, store_of
from mlserve.registry.requests import DESCRIPTION, RETIREMENT, number_in_path

log = logging.getLogger("mlserve.registry")

_PIECE = 1 << 20
_IN_MEMORY = 1 << 22


class VersionsResource(Resource):
    """Every version of a model, whether or not it answers."""

    operations = operations.VERSIONS

    def get(self) -> dict[str, Any]:
        """The versions, newest first, a page at a time."""
        model, application = self.context.name, self.request.mlserve
        query = read_query(self.request.environ, operations.VersionsQuery)
        limit = query["limit"]
        with application.database.read() as connection:
            service.require(connection, model)
            rows = service.newest_versions(connection, model, below=query["cursor"], limit=limit + 1)
            named = aliases.of_model(connection, model)
        live = application.live.find(model)
        following = rows[limit - 1]["number"] if len(rows) > limit else None
        if following is not None:
            self.request.response.headers["Link"] = next_page(self.request.environ, str(following))
        heard = application.registry.registered
        told = [describe_version(row, named, live, known=heard.version(model, row["number"])) for row in rows[:limit]]
        return {"versions": told, "next": following}

    def post(self) -> dict[str, Any]:
        """Register the bundle of the body; no alias is moved, so that nobody is answered by it yet."""
        application, model = self.request.mlserve, self.context.name
        sent = str(self.request.environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
        if sent not in operations.BUNDLES:
            raise UnsupportedMediaType(f"The body must be a bundle, {' or '.join(operations.BUNDLES)}, not {sent!r}.")
        author = author_of(self.request, read_query(self.request.environ, ReasonQuery)["reason"])
        with _store_told():
            store = store_of(application)
            manifest = self._unpacked(store)
            with application.database.write() as connection:
                new = service.number_of(connection, model, manifest.digest) is None
                number = register_kept(connection, model, manifest, store, author)
                told = _whole(self.request, connection, model, number)
        application.registry.wake()
        self.request.response.status_int = 201 if new else 200
        self.request.response.headers["Location"] = f"{path_of(self.request.environ)}/{number}"
        return told

    def _unpacked(self, store: BundleStore) -> Manifest:
        limit = self.request.mlserve.settings["mlserve.limits.bundle"]
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            _copy_body(self.request.environ, file, limit)
            file.seek(0)
            limits = ArchiveLimits(packed=limit, unpacked=2 * limit)
            try:
                with giving_way:
                    return archive.read(file, store, limits=limits).manifest  # type: ignore[arg-type]
            except StoreUnavailable:
                raise
            except (BundleError, SignatureError) as error:
                raise Invalid(error.detail) from error


class VersionResource(Resource):
    """One version of a model."""

    operations = operations.VERSION

    def get(self) -> dict[str, Any]:
        """What is known of it: its bundle, what people wrote about it, and how it is doing in this process."""
        model = self.context.name
        number = number_in_path(self.request, model)
        with self.request.mlserve.database.read() as connection:
            return _whole(self.request, connection, model, number)

    def patch(self) -> dict[str, Any]:
        """Change its description, or some of its tags; a tag of null is removed."""
        model = self.context.name
        number = number_in_path(self.request, model)
        body = members(json_body(self.request), DESCRIPTION)
        author = author_of(self.request, body.pop("reason", ""))
        with self.request.mlserve.database.write() as connection:
            service.describe(connection, model, number, **body, author=author)
            return _whole(self.request, connection, model, number)


class RetirementResource(Resource):
    """The end of a version: it answers no more."""

    operations = operations.RETIREMENT

    def post(self) -> dict[str, Any]:
        """Retire the version. What it has predicted stays kept, and is explained by its bundle."""
        model = self.context.name
        number = number_in_path(self.request, model)
        body = members(json_body(self.request), RETIREMENT)
        with self.request.mlserve.database.write() as connection:
            service.retire(connection, model, number, author_of(self.request, body.get("reason", "")))
            told = _whole(self.request, connection, model, number)
        self.request.mlserve.registry.wake()
        return told


def _whole(request: Any, connection: Any, model: str, number: int) -> dict[str, Any]:
    row = service.version(connection, model, number)
    named = aliases.of_model(connection, model)
    known = request.mlserve.registry.registered.version(model, number)
    return describe_version(row, named, request.mlserve.live.find(model), known=known, whole=True)


@contextmanager
def _store_told() -> Iterator[None]:
    """Where the store is and how it fails is for the log. Raises StoreUnavailable with a sentence for the caller."""
    try:
        yield
    except StoreUnavailable as error:
        log.error("store_unavailable", extra={"fields": {"reason": error.detail}})
        raise StoreUnavailable("The bundle cannot be stored now: try again.", retry_after=5) from error


def _copy_body(environ: dict[str, Any], file: IO[bytes], limit: int) -> None:
    """The body in pieces, at most `limit` bytes. Raises TooLarge, and Unreadable when it ends early."""
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared and not (declared.isascii() and declared.isdigit() and len(declared) < 19):
        raise Unreadable(f"Content-Length is {declared!r}, not a number.")
    chunked = not declared and "HTTP_TRANSFER_ENCODING" in environ
    left = limit + 1 if chunked else int(declared or 0)
    if left > limit and not chunked:
        raise _too_large(limit)
    while left and (piece := environ["wsgi.input"].read(min(_PIECE, left))):
        file.write(piece)
        left -= len(piece)
    if chunked and not left:
        raise _too_large(limit)
    if left and not chunked:
        raise Unreadable(f"The body ended {left} bytes early.")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The bundle has more than {limit:,} bytes (mlserve.limits.bundle).")
