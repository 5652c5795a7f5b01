"""What the JSON Schemas of bodies and answers have in common.

Answers may gain fields, so their schemas are open; bodies are closed where the server refuses what it does not know.
"""

from mlserve.api.members import LONGEST_TEXT
from mlserve.ids import CANONICAL
from mlserve.signature.json_schema import NO_NUL, JsonObject

ID: JsonObject = {"type": "string", "format": "uuid", "pattern": f"^{CANONICAL.pattern}$"}
TIME: JsonObject = {"type": "string", "format": "date-time", "description": "UTC, ending in Z."}
# That somebody gives, and that is kept.
TEXT: JsonObject = {"type": "string", "maxLength": LONGEST_TEXT, "pattern": NO_NUL}
TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}


def open_object(name: str, description: str, properties: JsonObject, *, optional: tuple[str, ...] = ()) -> JsonObject:
    """The schema of an object that may gain fields; all its properties are always there, but the optional ones."""
    required = [key for key in properties if key not in optional]
    found = {"type": "object", "description": description, "required": required, "properties": properties}
    return {**found, "x-component": name}
