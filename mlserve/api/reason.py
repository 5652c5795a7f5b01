"""Why somebody changes something: said in the body, or in the query where the body is a bundle or there is none."""

import colander

from mlserve.api.members import LONGEST_TEXT
from mlserve.api.schema_parts import TEXT
from mlserve.signature.json_schema import JsonObject

REASON: JsonObject = {**TEXT, "description": "Why: kept in the event."}
ReasonQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(
        colander.String(),
        name="reason",
        missing="",
        validator=colander.All(colander.Length(max=LONGEST_TEXT), colander.Regex(r"^[^\0]*\Z", "a text without NUL")),
        description="Why: kept in the event.",
        json_schema=TEXT,
    ),
)
