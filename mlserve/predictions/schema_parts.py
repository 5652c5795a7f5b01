"""What the JSON Schemas of predictions, explanations and actuals have in common.

Answers may gain fields, so their schemas are open; bodies are closed where the server refuses what it does not know.
"""

from mlserve.inference import LoadedVersion
from mlserve.predictions.ids import CANONICAL
from mlserve.signature.json_schema import JsonObject

ID: JsonObject = {"type": "string", "format": "uuid", "pattern": f"^{CANONICAL.pattern}$"}
TIME: JsonObject = {"type": "string", "format": "date-time", "description": "UTC, ending in Z."}
TEXT_OR_NULL: JsonObject = {"type": ["string", "null"]}


def open_object(name: str, description: str, properties: JsonObject, *, optional: tuple[str, ...] = ()) -> JsonObject:
    """The schema of an object that may gain fields; all its properties are always there, but the optional ones."""
    required = [key for key in properties if key not in optional]
    found = {"type": "object", "description": description, "required": required, "properties": properties}
    return {**found, "x-component": name}


def of_this_version(loaded: LoadedVersion, properties: JsonObject) -> JsonObject:
    """What is known only where the version that answers now has answered; an older one may have other fields."""
    now = {"properties": {"version": {"const": loaded.lineage.version}}}
    return {"if": now, "then": {"properties": properties}}


def answered(loaded: LoadedVersion) -> JsonObject:
    """What each answer of a version says of itself, by name."""
    return {
        "id": ID,
        "model": {"type": "string", "const": loaded.lineage.model},
        "version": {"type": "integer", "minimum": 1, "description": "The version that answered."},
        "alias": {**TEXT_OR_NULL, "description": "The alias that was asked for."},
    }
