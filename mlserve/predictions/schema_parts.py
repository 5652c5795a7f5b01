"""What the JSON Schemas of predictions, explanations and actuals have in common."""

from mlserve.api.schema_parts import ID, TEXT_OR_NULL
from mlserve.inference import LoadedVersion
from mlserve.signature.json_schema import JsonObject


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
