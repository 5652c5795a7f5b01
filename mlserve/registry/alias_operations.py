"""What the resources of aliases and of the history take and answer, for the OpenAPI document."""

import colander

from mlserve.api.operations import NO_DATABASE, Operation
from mlserve.api.reason import REASON, ReasonQuery
from mlserve.api.schema_parts import TIME, open_object
from mlserve.api.times import Moment
from mlserve.events.operations import EVENTS_PAGE, FILTERS
from mlserve.registry.version_operations import NUMBER
from mlserve.signature.json_schema import JsonObject

HistoryQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(Moment(), name="at", missing=None, description="What the aliases named at this time."),
    *(node.clone() for node in FILTERS),
)

_NUMBER_OR_NULL: JsonObject = {"type": ["integer", "null"]}
_ALIAS = open_object(
    "alias",
    "An alias.",
    {
        "alias": {"type": "string"},
        "version": {"type": "integer", "minimum": 1, "description": "What it names."},
        "answers": {**_NUMBER_OR_NULL, "description": "What answers for it in the process that was asked."},
        "revision": {"type": "integer", "minimum": 1, "description": "Grows with every move."},
        "moved_at": TIME,
        "moved_by": {"type": "string"},
        "before": {**_NUMBER_OR_NULL, "description": "Where a rollback leads."},
    },
)
_AT_A_TIME = open_object(
    "alias_at_a_time",
    "What an alias named at a time.",
    {
        "alias": {"type": "string"},
        "version": {"type": "integer"},
        "revision": {"type": "integer"},
        "moved_at": TIME,
        "moved_by": {"type": "string"},
        "reason": {"type": "string"},
    },
)
_OF_ALIAS: JsonObject = {"alias": {"type": "string", "description": "The alias, such as `champion`."}}
_ETAG: JsonObject = {"type": "string", "description": "The revision, as `If-Match` takes it."}
_SEEN: JsonObject = {
    "If-Match": {"type": "string", "description": 'The `ETag` that the alias was seen with, such as `"3"`.'},
    "If-None-Match": {"type": "string", "description": "`*` where no such alias was seen."},
}
_CHANGES = ("alias_unknown", "precondition_required", "stale", "unreadable", NO_DATABASE)

ALIASES = {
    "get": Operation(
        summary="List the aliases",
        answer=open_object("aliases", "The aliases by name.", {"aliases": {"type": "array", "items": _ALIAS}}),
        problems=(NO_DATABASE,),
    )
}
ALIAS = {
    "get": Operation(
        summary="Read an alias",
        answer=_ALIAS,
        problems=("alias_unknown", NO_DATABASE),
        path=_OF_ALIAS,
        answer_headers={"ETag": _ETAG},
    ),
    "put": Operation(
        summary="Move an alias",
        description="To `version`, or with `back` to what it named before. Every process loads it and then answers by "
        "it. `force` moves it to a version that breaks callers, or that the server asked cannot load.",
        answer=_ALIAS,
        body={
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "version": NUMBER,
                "back": {"type": "boolean"},
                "force": {"type": "boolean"},
                "reason": REASON,
            },
        },
        headers=_SEEN,
        problems=(
            *_CHANGES,
            "version_unknown",
            "version_retired",
            "not_supported",
            "signature_breaks",
            "nothing_before",
        ),
        path=_OF_ALIAS,
        answer_headers={"ETag": _ETAG},
    ),
    "delete": Operation(
        summary="Remove an alias",
        answer=_ALIAS,
        query=ReasonQuery,
        headers=_SEEN,
        problems=_CHANGES,
        path=_OF_ALIAS,
    ),
}
HISTORY = {
    "get": Operation(
        summary="What became of the model",
        description="The events, newest first, a page at a time; with `at`, what each alias named at that time.",
        answer={
            "oneOf": [
                EVENTS_PAGE,
                open_object(
                    "at_a_time",
                    "What the aliases named.",
                    {"at": TIME, "aliases": {"type": "array", "items": _AT_A_TIME}},
                ),
            ]
        },
        query=HistoryQuery,
        problems=(NO_DATABASE,),
        answer_headers={"Link": {"type": "string", "description": "The next page, where there is one."}},
    )
}
