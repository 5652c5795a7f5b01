"""What the resources of versions take and answer, for the OpenAPI document."""

from typing import Final

import colander

from mlserve.api.operations import NO_DATABASE, Operation
from mlserve.api.query import page_nodes
from mlserve.api.reason import REASON, ReasonQuery
from mlserve.api.schema_parts import TEXT, TEXT_OR_NULL, TIME, open_object
from mlserve.names import DIGEST, LARGEST_NUMBER
from mlserve.registry.requests import LONGEST_TAG
from mlserve.signature.json_schema import NO_NUL, JsonObject

BUNDLES: Final = ("application/vnd.mlserve.bundle", "application/zip")

VersionsQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    *page_nodes("Versions a page.", colander.Int(), colander.Range(1, LARGEST_NUMBER)),
)

NUMBER: JsonObject = {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER}
OF_NUMBER: JsonObject = {"number": {"type": "integer", "minimum": 1, "description": "The version's number."}}

_TAGS: JsonObject = {"type": "object", "additionalProperties": {"type": "string"}}
_LISTED: JsonObject = {
    "number": {"type": "integer", "minimum": 1},
    "digest": {"type": "string", "pattern": f"^{DIGEST.pattern}$", "description": "Of its bundle."},
    "family": {"type": "string"},
    "aliases": {"type": "array", "items": {"type": "string"}, "description": "Those that name it."},
    "state": {
        "enum": ["loading", "ready", "failed", "draining", "idle", "retired"],
        "description": "In the process that answers this; idle: no alias needs it.",
    },
    "reason": {"type": "string", "description": "Why it has failed."},
    "description": {"type": "string"},
    "tags": _TAGS,
    "created_at": TIME,
    "created_by": {"type": "string"},
    "retired_at": {**TIME, "type": ["string", "null"]},
}
_VERSION = open_object("version", "A version.", _LISTED)
_WHOLE = open_object(
    "whole_version",
    "A version, with what its bundle says.",
    {
        **_LISTED,
        "metrics": {"description": "What training or packaging has measured."},
        "card": {"type": "object"},
        "provenance": {"type": "object"},
        "golden": {"type": "integer", "minimum": 0, "description": "How many golden predictions prove it."},
        "signature": {"type": "object"},
    },
)
_LOCATION: JsonObject = {"type": "string", "format": "uri-reference", "description": "The version's address."}

VERSIONS = {
    "get": Operation(
        summary="List the versions",
        description="Newest first, a page at a time.",
        answer=open_object(
            "versions",
            "A page of versions.",
            {
                "versions": {"type": "array", "items": _VERSION},
                "next": {"type": ["integer", "null"], "description": "The cursor of the next page."},
            },
        ),
        query=VersionsQuery,
        problems=(NO_DATABASE,),
        answer_headers={"Link": {"type": "string", "description": "The next page, where there is one."}},
    ),
    "post": Operation(
        summary="Register a version",
        description="The body is a bundle. 200 where the model has that bundle already; no alias is moved.",
        answer=_WHOLE,
        answers={201: _WHOLE},
        body={"type": "string", "format": "binary"},
        takes=BUNDLES,
        query=ReasonQuery,
        problems=(NO_DATABASE, "store_unavailable"),
        answer_headers={"Location": _LOCATION},
    ),
}
VERSION = {
    "get": Operation(
        summary="Read a version", answer=_WHOLE, problems=("version_unknown", NO_DATABASE), path=OF_NUMBER
    ),
    "patch": Operation(
        summary="Describe a version",
        description="The description and the tags that are given; a tag of null is removed.",
        answer=_WHOLE,
        body={
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "description": TEXT,
                "tags": {
                    "type": "object",
                    "propertyNames": {"minLength": 1, "maxLength": LONGEST_TAG, "pattern": NO_NUL},
                    "additionalProperties": {**TEXT, **TEXT_OR_NULL},
                },
                "reason": REASON,
            },
        },
        problems=("version_unknown", NO_DATABASE),
        path=OF_NUMBER,
    ),
}
RETIREMENT = {
    "post": Operation(
        summary="Retire a version",
        description="It answers no more; what it has predicted stays.",
        answer=_WHOLE,
        body={"type": "object", "additionalProperties": False, "properties": {"reason": REASON}},
        problems=("version_unknown", "version_in_use", NO_DATABASE),
        path=OF_NUMBER,
    )
}
