"""The parts that many operations of the document share: schemas and the answers that are problems."""

import re
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from mlserve.api.negotiation import PROBLEM
from mlserve.api.problems import CODE_OF, STATUS_OF
from mlserve.signature.json_schema import JsonObject

MARK = "x-component"
_NAME = re.compile(r"[A-Za-z0-9._-]+")  # what OpenAPI lets a component be called
# Pyramid's own codes, where no domain error has that code too.
_STATUS = {code: status for status, code in CODE_OF.items()} | STATUS_OF

REQUEST_ID: JsonObject = {
    "type": "string",
    "description": "The id of this request: the caller's own, or a new one.",
}

_ITEM: JsonObject = {
    "type": "object",
    "required": ["pointer", "instance", "field", "code", "expected", "got"],
    "properties": {
        "pointer": {
            "type": "string",
            "description": "JSON pointer (RFC 6901) into the body as it was sent; empty for the body as a whole.",
        },
        "instance": {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "The instance, counted from 0.",
        },
        "field": {"type": ["string", "null"], "description": "The field or parameter."},
        "code": {"type": "string", "description": "What is wrong, in a word."},
        "expected": {"type": "string", "description": "What would have been right."},
        "got": {"type": "string", "description": "A short text of what was sent."},
    },
}

_PROBLEM: JsonObject = {
    "type": "object",
    "description": "Every error has this shape (RFC 9457). Programs go by `code`, people read `detail`.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:mlserve:problem:", "description": "A URN that ends in the code."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/problem_item"}},
        "more": {"type": "boolean", "description": "There are more problems than are listed."},
    },
}


class Components:
    """Collects the shared parts while the document is built; each is listed once."""

    def __init__(self) -> None:
        self.schemas: dict[str, Any] = {"problem": _PROBLEM, "problem_item": _ITEM}
        self.responses: dict[str, Any] = {}

    def add(self, others: "Components") -> None:
        """Take over what others have collected; of equal names, the parts are equal too."""
        self.schemas |= others.schemas
        self.responses |= others.responses

    def as_dict(self) -> JsonObject:
        headers = {"request_id": {"description": REQUEST_ID["description"], "schema": {"type": "string"}}}
        return {"schemas": self.schemas, "responses": self.responses, "headers": headers}

    def listed(self, value: Any, prefix: str) -> Any:
        """A copy of a schema in which each part with a mark is listed as `prefix` and its name, and referred to.

        A part whose name is taken by another schema, or is none that OpenAPI allows, stays where it is.
        """
        if isinstance(value, dict):
            copied = {key: self.listed(item, prefix) for key, item in value.items() if key != MARK}
            name = value.get(MARK)
            if not isinstance(name, str):
                return copied if name is None else {**copied, MARK: self.listed(name, prefix)}
            name = prefix + name
            return {"$ref": f"#/components/schemas/{name}"} if self._take(name, copied) else copied
        if isinstance(value, list):
            return [self.listed(item, prefix) for item in value]
        return value

    def _take(self, name: str, schema: JsonObject) -> bool:
        return _NAME.fullmatch(name) is not None and bool(self.schemas.setdefault(name, schema) == schema)

    def problem_responses(self, codes: Collection[str]) -> JsonObject:
        """The answers that are problems, by status; each status lists the codes that it can have here."""
        by_status: dict[int, list[str]] = {}
        for code in dict.fromkeys(codes):
            by_status.setdefault(_STATUS[code], []).append(code)
        return {str(status): self._problem(status, by_status[status]) for status in sorted(by_status)}

    def default_problem(self) -> JsonObject:
        """The answer of any other status, where an operation does not say which it has."""
        schema = {"$ref": "#/components/schemas/problem"}
        self.responses.setdefault("problem", _response("Any problem.", schema))
        return {"$ref": "#/components/responses/problem"}

    def _problem(self, status: int, codes: list[str]) -> JsonObject:
        # What goes wrong on the server's side is not the caller's to tell apart.
        codes = sorted(codes) if status != 500 else [code for code, its in STATUS_OF.items() if its == status]
        name = "failed" if status == 500 else ".".join(codes)
        if name not in self.responses:
            narrowed = {"properties": {"status": {"type": "integer", "const": status}, "code": {"enum": codes}}}
            schema = {"allOf": [{"$ref": "#/components/schemas/problem"}, narrowed]}
            said = " or ".join(f"`{code}`" for code in codes)
            self.responses[name] = _response(f"{HTTPStatus(status).phrase}: {said}.", schema, retry=status == 503)
        return {"$ref": f"#/components/responses/{name}"}


def _response(description: str, schema: JsonObject, *, retry: bool = False) -> JsonObject:
    headers: JsonObject = {"X-Request-Id": {"$ref": "#/components/headers/request_id"}}
    if retry:
        headers["Retry-After"] = {
            "description": "Seconds until it is worth another try.",
            "schema": {"type": "integer"},
        }
    return {"description": description, "headers": headers, "content": {PROBLEM: {"schema": schema}}}
