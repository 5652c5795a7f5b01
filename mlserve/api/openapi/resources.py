"""The document as a resource: of all models, and of one."""

import hashlib
import threading
from typing import Any, ClassVar, NamedTuple

import msgspec
from pyramid.response import Response

from mlserve.api.addresses import mount_of
from mlserve.api.openapi.addresses import addresses_of
from mlserve.api.openapi.document import Part, document
from mlserve.api.operations import Operation
from mlserve.api.renderer import json_response
from mlserve.api.resources import Resource
from mlserve.auth.guard import own_policy
from mlserve.auth.roles import ANY
from mlserve.inference import LiveModel
from mlserve.signature.json_schema import JsonObject

# The prefix is a header's where a proxy says so: what is kept must have an end.
_MOST_KEPT = 256

_DOCUMENT = {
    "type": "object",
    "required": ["openapi", "info", "paths"],
    "properties": {
        "openapi": {"const": "3.1.0"},
        "info": {"type": "object", "required": ["title", "version"]},
        "paths": {"type": "object"},
    },
}
_GET = Operation(
    summary="This document",
    description="An OpenAPI 3.1 document of what the live models take and answer right now.",
    answer=_DOCUMENT,
    headers={"If-None-Match": {"type": "string", "description": "The `ETag` of the document that the caller has."}},
    answers={304: None},
    needs=ANY,
    answer_headers={"ETag": {"type": "string", "description": "Changes with the document."}},
)


class Document(NamedTuple):
    content: bytes
    etag: str


class Documents:
    """Builds documents for each change of the live models, of what is new only, and keeps them as bytes."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self._kept: dict[tuple[LiveModel | None, str], Document] = {}
        self._parts: dict[LiveModel | None, Part] = {}
        self._revision = -1
        self._lock = threading.Lock()

    def get(self, model: LiveModel | None, url: str) -> Document:
        """The document of one model, or of all; `url` is where the server's paths begin."""
        live = self._registry.mlserve.live
        with self._lock:  # Building takes long: whoever asks at the same time waits for the one that builds.
            revision = live.revision
            if revision != self._revision or len(self._kept) >= _MOST_KEPT:
                self._kept, self._revision = {}, revision
                self._forget_all_but({None, *live})
            # By the model itself: a request may have found one that another of its name has replaced since.
            if (model, url) not in self._kept:
                self._kept[model, url] = _encoded(self._build(model, url))
            return self._kept[model, url]

    def _build(self, model: LiveModel | None, url: str) -> JsonObject:
        if model is not None:
            return document(model.name, [self._part(model)], url)
        return document("mlserve", map(self._part, [*self._registry.mlserve.live, None]), url)

    def _part(self, model: LiveModel | None) -> Part:
        if model not in self._parts:
            keys = own_policy(self._registry) is not None
            limits = self._registry.mlserve.limits
            self._parts[model] = Part(addresses_of(self._registry), limits, model, keys=keys)
        return self._parts[model]

    def _forget_all_but(self, models: set[LiveModel | None]) -> None:
        self._parts = {model: part for model, part in self._parts.items() if model in models}


class OpenApiResource(Resource):
    """What all live models take and answer, as an OpenAPI document."""

    operations: ClassVar = {"get": _GET}

    def get(self) -> Response:
        return _answer(self.request, None)


class ModelOpenApiResource(Resource):
    """What one model takes and answers, as an OpenAPI document."""

    operations: ClassVar = {"get": _GET}

    def get(self) -> Response:
        return _answer(self.request, self.context.model)


def _answer(request: Any, model: LiveModel | None) -> Response:
    documents: Documents = request.registry.mlserve.documents
    found = documents.get(model, start_of(request))
    headers = [("ETag", f'"{found.etag}"'), ("Cache-Control", "no-cache")]
    # Without the header, WebOb's matcher of If-None-Match has every tag not in it.
    if found.etag in request.if_none_match:
        return Response(status=304, headerlist=headers)
    return json_response(found.content, *headers)


def start_of(request: Any) -> str:
    """Where the server's paths begin, as the caller sees it: the mount point, and the prefix of an embedding."""
    return mount_of(request.environ) + request.registry.mlserve.own_addresses.prefix or "/"


def _encoded(value: JsonObject) -> Document:
    content = msgspec.json.encode(value)
    return Document(content, hashlib.sha256(content).hexdigest()[:32])
