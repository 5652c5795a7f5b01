"""What the resources of events take and answer, for the OpenAPI document."""

import colander

from mlserve.api.operations import NO_DATABASE, Operation
from mlserve.api.query import id_page_nodes
from mlserve.api.schema_parts import ID, TEXT_OR_NULL, TIME, open_object
from mlserve.api.times import Moment
from mlserve.events.atom import ATOM
from mlserve.events.kinds import KINDS
from mlserve.names import MODEL_NAME
from mlserve.signature.json_schema import JsonObject

# Which events, and which page of them; of one model, or of all.
FILTERS = (
    colander.SchemaNode(
        colander.String(),
        name="alias",
        missing=None,
        validator=colander.Regex(rf"^{MODEL_NAME.pattern}\Z", "the name of an alias"),
        description="Of this alias only.",
    ),
    colander.SchemaNode(
        colander.String(), name="kind", missing=None, validator=colander.OneOf(KINDS), description="Of this kind only."
    ),
    colander.SchemaNode(Moment(), name="since", missing=None, description="Happened then or later."),
    colander.SchemaNode(Moment(), name="until", missing=None, description="Happened before then."),
    *id_page_nodes("Events a page."),
)
ModelEventsQuery = colander.SchemaNode(colander.Mapping(unknown="ignore"), *(node.clone() for node in FILTERS))
EventsQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(
        colander.String(),
        name="model",
        missing=None,
        validator=colander.Regex(rf"^{MODEL_NAME.pattern}\Z", "the name of a model"),
        description="Of this model only.",
    ),
    *(node.clone() for node in FILTERS),
)

_STATE: JsonObject = {"type": ["object", "null"]}
_EVENT = open_object(
    "event",
    "Something that happened.",
    {
        "id": ID,
        "at": TIME,
        "kind": {"type": "string"},
        "model": TEXT_OR_NULL,
        "version": {"type": ["integer", "null"]},
        "alias": TEXT_OR_NULL,
        "actor": {"type": "string", "description": "Who did it."},
        "reason": {"type": "string"},
        "before": _STATE,
        "after": _STATE,
        "request_id": TEXT_OR_NULL,
    },
)
EVENTS_PAGE = open_object(
    "history", "A page of events.", {"events": {"type": "array", "items": _EVENT}, "next": {**TEXT_OR_NULL}}
)

_ORDER = (
    "Newest first, a page at a time; a caller of some models sees the events of these, and those of keys, users and "
    "refused calls are for administrators."
)
_FEED: JsonObject = {"type": "string", "description": "An Atom feed (RFC 4287)."}


def _feed(summary: str, description: str, query: colander.SchemaNode, *, lists: bool = False) -> Operation:
    return Operation(
        summary=summary,
        description=description,
        answer=None,
        media={ATOM: _FEED},
        query=query,
        headers={"If-None-Match": {"type": "string", "description": "The `ETag` of the feed that the caller has."}},
        answers={304: None},
        problems=(NO_DATABASE,),
        answer_headers={"ETag": {"type": "string", "description": "Changes with the feed."}},
        lists=lists,
    )


EVENTS = {
    "get": Operation(
        summary="List what happened",
        description=_ORDER,
        answer=EVENTS_PAGE,
        query=EventsQuery,
        problems=(NO_DATABASE,),
        answer_headers={"Link": {"type": "string", "description": "The next page, where there is one."}},
        lists=True,
    )
}
FEED = {"get": _feed("What happened, as an Atom feed", _ORDER, EventsQuery, lists=True)}
MODEL_FEED = {"get": _feed("What became of the model, as an Atom feed", "Newest first.", ModelEventsQuery)}
