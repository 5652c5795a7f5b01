"""The OpenAPI 3.1 document of the live models: every model with its own paths, fields, ranges and examples."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mlserve._version import __version__
from mlserve.api.negotiation import JSON, UPLOAD
from mlserve.api.openapi.components import Components
from mlserve.api.openapi.parameters import header_parameters, path_parameters, path_template, query_parameters
from mlserve.api.operations import Operation
from mlserve.auth.roles import NONE
from mlserve.inference import LiveModel, LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.signature.json_schema import JsonObject

log = logging.getLogger("mlserve.api")

OF_A_MODEL = "/api/v1/models/{model}"
SERVER = "Server"  # no model can be called so
_WITH_BODY = ("post", "put", "patch")
# One of another form is not refused: a new id takes its place.
_REQUEST_ID = {"type": "string", "description": "An id of the caller's own: 1 to 128 of `A-Z a-z 0-9 . _ -`."}

# Where an operation names these, one of them is enough.
KEYS: JsonObject = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key of `mlserve keys create`."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}
SECURITY: list[JsonObject] = [{name: []} for name in KEYS]

DESCRIPTION = """\
Each model has its own addresses, and each address says what this very model takes and answers.
Every error is a problem (RFC 9457). Where GET is allowed, HEAD is too; a verb that an address does not have is
405 `method_not_allowed`. The API only gains fields: ignore those that you do not know."""


@dataclass(frozen=True)
class Address:
    """A path of the server, without its prefix, and its verbs (None: it has the verb, and does not describe it)."""

    pattern: str
    operations: Mapping[str, Operation | None]
    family: str | None = None  # only models of this family have it
    summaries: Mapping[str, str] = field(default_factory=dict)  # what its docstrings say of the verbs
    negotiated: bool = False  # whether a caller can be refused for what `Accept` says

    @property
    def of_a_model(self) -> bool:
        return self.pattern == OF_A_MODEL or self.pattern.startswith(f"{OF_A_MODEL}/")


def document(title: str, parts: Iterable["Part"], url: str) -> JsonObject:
    """The document that these parts make; `url` is where the server's paths begin."""
    parts = list(parts)
    paths: JsonObject = {}
    tags: list[JsonObject] = []
    components = Components()
    for part in parts:
        paths |= part.paths
        tags += [part.tag] if part.paths else []
        components.add(part.components)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": DESCRIPTION},
        "servers": [{"url": url}],
        "tags": tags,
        "paths": paths,
        "components": components.as_dict() | ({"securitySchemes": KEYS} if any(part.keys for part in parts) else {}),
    }


class Part:
    """The addresses of one model, or those that are of none: good for as long as the live model is the same."""

    def __init__(
        self, addresses: Iterable[Address], limits: Limits, model: LiveModel | None = None, *, keys: bool = False
    ) -> None:
        self.limits = limits
        self.keys = keys  # whether callers need one
        self.model = model
        self.tag = _tag(model)
        self.paths: dict[str, JsonObject] = {}
        self.components = Components()
        self._ids: set[str] = set()
        for address in addresses:
            if address.of_a_model == (model is not None) and (model is None or address.family in (None, model.family)):
                self._add(address)

    def _add(self, address: Address) -> None:
        pattern = address.pattern if self.model is None else address.pattern.replace("{model}", self.model.name, 1)
        path, placeholders = path_template(pattern)
        item = self.paths.setdefault(path, {})
        for verb, operation in address.operations.items():
            item[verb] = {
                "operationId": self._identity(verb, address.pattern),
                "tags": [self.tag["name"]],
                **self._describe(address, verb, operation, placeholders),
            }

    def _identity(self, verb: str, pattern: str) -> str:
        """`get.flight-delay.predictions.id`: what generated clients make their names of."""
        tail = pattern.removeprefix("/api/v1" if self.model is None else OF_A_MODEL)
        identity = ".".join([verb, self.tag["name"], *re.findall(r"\w+", path_template(tail)[0])])
        while identity in self._ids:
            identity += "_"
        self._ids.add(identity)
        return identity

    def _describe(
        self, address: Address, verb: str, operation: Operation | None, placeholders: Mapping[str, JsonObject]
    ) -> JsonObject:
        if operation is not None:
            try:
                return self._described(address, operation, placeholders)
            except Exception:
                # A plugin's mistake in one description must not take the document from all models.
                log.exception("description_failed", extra={"fields": {"path": address.pattern, "verb": verb}})
        return self._undescribed(address, verb, operation, placeholders)

    def _described(self, address: Address, operation: Operation, placeholders: Mapping[str, JsonObject]) -> JsonObject:
        schema = _Schemas(self.components, self.limits, self.model)
        found: JsonObject = {"summary": operation.summary}
        if operation.description:
            found["description"] = operation.description
        found["parameters"] = [
            *path_parameters({name: operation.path.get(name, given) for name, given in placeholders.items()}),
            *([] if operation.query is None else query_parameters(operation.query)),
            *header_parameters({**operation.headers, "X-Request-Id": _REQUEST_ID}),
        ]
        if operation.body is not None:
            content: JsonObject = {"schema": schema(operation.body)}
            if operation.example is not None and schema.loaded is not None:
                example = operation.example(schema.loaded)
                content |= {} if example is None else {"example": msgspec.json.decode(msgspec.json.encode(example))}
            found["requestBody"] = {"required": True, "content": dict.fromkeys(operation.takes, content)}
            for media, given in operation.tables.items():
                found["requestBody"]["content"][media] = {"schema": schema(given)}
            if operation.form is not None and (form := schema(operation.form)):
                found["requestBody"]["content"][UPLOAD] = form
        codes = _codes(address, operation, bool(placeholders))
        if self.keys and operation.needs != NONE:
            found["security"] = SECURITY
            codes += ["unauthenticated", "forbidden", "rate_limited"]
        found["responses"] = {**_answers(operation, schema), **self.components.problem_responses(codes)}
        return found

    def _undescribed(
        self, address: Address, verb: str, operation: Operation | None, placeholders: Mapping[str, JsonObject]
    ) -> JsonObject:
        found: JsonObject = {
            "summary": address.summaries.get(verb) or f"{verb.upper()} {address.pattern.rpartition('/')[2]}",
            "parameters": path_parameters(placeholders),
            **({"security": SECURITY} if self.keys else {}),
        }
        if verb in _WITH_BODY:
            found["requestBody"] = {"required": False, "content": {"application/json": {"schema": {}}}}
        content: JsonObject = {offer: {"schema": {}} for offer in (operation.offers if operation else (JSON,))}
        found["responses"] = {
            "200": {"description": "OK", "content": content},
            "default": self.components.default_problem(),
        }
        return found


class _Schemas:
    """Makes schemas for one model: what is a function is asked for the version that answers."""

    def __init__(self, components: Components, limits: Limits, model: LiveModel | None) -> None:
        self.components, self.limits = components, limits
        self.loaded: LoadedVersion | None = None if model is None else model.champion
        self.prefix = "" if model is None else f"{model.name}."

    def __call__(self, schema: Any) -> Any:
        if callable(schema):
            schema = {} if self.loaded is None else schema(self.loaded, self.limits)
        # There and back: what JSON cannot write fails here, where it spares all other operations.
        return self.components.listed(msgspec.json.decode(msgspec.json.encode(schema)), self.prefix)


def _codes(address: Address, operation: Operation, placeholders: bool) -> list[str]:
    """The codes of problems that an operation can answer: its own, and those that come with what it takes."""
    codes = [*operation.problems, "internal"]
    if address.negotiated:
        codes.append("not_acceptable")
    if address.of_a_model:
        codes.append("model_unknown")
    if operation.body is not None:
        codes += ["unreadable", "too_large", "unsupported_media_type", "invalid"]
    elif operation.query is not None or operation.headers or placeholders:
        codes.append("unreadable")
    return codes


def _answers(operation: Operation, schema: _Schemas) -> JsonObject:
    own = {} if operation.answer is None else {"application/json": operation.answer}
    content = {media: {"schema": schema(given)} for media, given in {**own, **operation.media}.items()}
    headers: JsonObject = {"X-Request-Id": {"$ref": "#/components/headers/request_id"}}
    for name, header in operation.answer_headers.items():
        about = {key: value for key, value in header.items() if key == "description"}
        headers[name] = {**about, "schema": {key: value for key, value in header.items() if key != "description"}}
    found: JsonObject = {"200": {"description": "OK", "headers": headers, "content": content}}
    for status, given in operation.answers.items():
        found[str(status)] = {"description": str(status)}
        if given is not None:
            found[str(status)] |= {"content": {"application/json": {"schema": schema(given)}}}
    return found


def _tag(model: LiveModel | None) -> JsonObject:
    if model is None:
        return {"name": SERVER, "description": "What is of no single model."}
    if model.champion is None:
        return {"name": model.name, "description": f"A model of family {model.family}; no version is loaded."}
    version = model.champion.lineage.version
    return {"name": model.name, "description": f"A model of family {model.family}, version {version}."}
