"""What the address of a tensor model's description answers, for OpenAPI."""

from collections.abc import Mapping
from typing import Any, Final

from mlserve.api.operations import Operation
from mlserve.tensors.form import INSTANCES

_HEAD: Final = {
    "model": {"type": "string"},
    "version": {"type": "integer", "minimum": 1},
    "digest": {"type": "string"},
    "instance": {"enum": [*INSTANCES], "description": "What one instance is."},
}


def describing(summary: str, properties: Mapping[str, Any]) -> Operation:
    """GET of a `Description`: `properties` are the schemas of what the predictor tells beside `instance`."""
    known = {**_HEAD, **properties}
    return Operation(
        summary=summary,
        answer={"type": "object", "required": list(known), "properties": known},
        problems=("model_not_ready",),
    )
