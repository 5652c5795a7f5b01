"""What the resources of aliases and of the history take and answer, for the OpenAPI document."""

import colander

from mlserve.api.operations import Operation
from mlserve.names import MODEL_NAME
from mlserve.predictions.schema_parts import ID, TEXT_OR_NULL, TIME, open_object
from mlserve.predictions.schemas import Moment, id_page_nodes
from mlserve.registry.version_operations import NO_DATABASE, NUMBER, REASON
from mlserve.signature.json_schema import JsonObject

# Which page of events.
PAGE = id_page_nodes("Events a page.")
HistoryQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(Moment(), name="at", missing=None, description="What the aliases named at this time."),
    colander.SchemaNode(
        colander.String(),
        name="alias",
        missing=None,
        validator=colander.Regex(rf"^{MODEL_NAME.pattern}\Z", "the name of an alias"),
        description="Of this alias only.",
    ),
    *(node.clone() for node in PAGE),
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
_STATE: JsonObject = {"type": ["object", "null"]}
EVENT = open_object(
    "event",
    "Something that happened.",
    {
        "id": ID,
        "at": TIME,
        "kind": {"type": "string"},
        "model": TEXT_OR_NULL,
        "version": _NUMBER_OR_NULL,
        "alias": TEXT_OR_NULL,
        "actor": {"type": "string", "description": "Who did it."},
        "reason": {"type": "string"},
        "before": _STATE,
        "after": _STATE,
        "request_id": TEXT_OR_NULL,
    },
)
EVENTS = open_object(
    "history", "A page of events.", {"events": {"type": "array", "items": EVENT}, "next": {**TEXT_OR_NULL}}
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
        "it. `force` moves it to a version that breaks callers.",
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
        problems=(*_CHANGES, "version_unknown", "version_retired", "signature_breaks", "nothing_before"),
        path=_OF_ALIAS,
        answer_headers={"ETag": _ETAG},
    ),
    "delete": Operation(summary="Remove an alias", answer=_ALIAS, headers=_SEEN, problems=_CHANGES, path=_OF_ALIAS),
}
HISTORY = {
    "get": Operation(
        summary="What became of the model",
        description="The events, newest first, a page at a time; with `at`, what each alias named at that time.",
        answer={
            "oneOf": [
                EVENTS,
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
