"""The JSON Schemas of what the resources of explanations take and answer, for one version."""

from mlserve.api.schema_parts import ID, TEXT_OR_NULL, open_object
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.predictions.schema_parts import answered, of_this_version
from mlserve.signature import body_json_schema
from mlserve.signature.examples import example_instance
from mlserve.signature.json_schema import JsonObject

_NUMBER: JsonObject = {"type": ["number", "null"]}


def explanation_schema(loaded: LoadedVersion) -> JsonObject:
    """What an Explanation is in JSON."""
    contributions = {
        "type": "object",
        "description": "How far each field moved the margin; null where it is not known or was not kept.",
        "required": list(loaded.signature.names),
        "properties": dict.fromkeys(loaded.signature.names, _NUMBER),
    }
    block = {
        "type": "object",
        "description": "One class or output; `bias` and all contributions add up to `margin`.",
        "required": ["name", "margin", "bias", "contributions"],
        "properties": {"name": TEXT_OR_NULL, "margin": _NUMBER, "bias": _NUMBER, "contributions": contributions},
    }
    instance = {
        "type": "object",
        "required": ["blocks"],
        "properties": {"blocks": {"type": "array", "items": block}},
    }
    properties = {
        "method": {"type": "string", "description": "How it was computed."},
        "scale": {"type": "string", "description": "On which scale the margin lives."},
        "instances": {"type": "array", "items": instance},
    }
    return open_object("explanation", "What each field contributed to each answer.", properties)


def explained_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The answer to a request for an explanation."""
    properties = answered(loaded) | {"explanation": explanation_schema(loaded)}
    del properties["id"]
    return open_object("explained", "An explanation; nothing is kept.", properties)


def past_explanation_schema(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The explanation of a kept prediction."""
    properties = {
        "id": ID,
        "model": {"type": "string", "const": loaded.lineage.model},
        "version": {"type": "integer", "minimum": 1},
        "stored": {"type": "boolean", "description": "Kept with the prediction; otherwise computed now."},
        "explanation": {"type": "object", "required": ["method", "scale", "instances"]},
    }
    schema = open_object("kept_explanation", "The explanation of a kept prediction.", properties)
    return {**schema, **of_this_version(loaded, {"explanation": explanation_schema(loaded)})}


def explanation_body(loaded: LoadedVersion, limits: Limits) -> JsonObject:
    """The same body, with as many instances as are explained at once."""
    body = body_json_schema(loaded.signature, limits.explained_of(loaded.signature, loaded.explain_seconds))
    return {**body, "x-component": "explained_body"}


def explanation_example(loaded: LoadedVersion) -> JsonObject | None:
    """A body that the model accepts; None where the model cannot explain, and refuses every body."""
    return {"instances": [example_instance(loaded.signature)]} if loaded.explains else None
