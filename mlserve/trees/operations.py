"""What the verbs of the resources of trees answer, for OpenAPI."""

from typing import Any, Final

from mlserve.api.operations import Operation
from mlserve.inference import LoadedVersion
from mlserve.trees.drawing import MAX_NODES, MEDIA_TYPE
from mlserve.trees.predictor import TreesPredictor

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_NUMBER: Final = {"type": ["number", "null"]}  # null: it is not finite
_ANSWERS: Final = {"model": _TEXT, "version": {"type": "integer", "minimum": 1}, "digest": _TEXT}


def _importance(loaded: LoadedVersion, limits: object) -> dict[str, Any]:
    """The scores of each field, by the kinds that the model has; a number a class where each has its own."""
    score = {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}]}
    names = loaded.signature.names
    fields = _object(dict.fromkeys(names, score))
    predictor: TreesPredictor = loaded.predictor  # type: ignore[assignment] # The family's own.
    return _object({**_ANSWERS, "importance": _object(dict.fromkeys(predictor.score_kinds, fields))})


def _object(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    known = {**properties, **(optional or {})}
    return {"type": "object", "properties": known, "required": list(properties)}


_LEAF: Final = _object(
    {
        "id": _COUNT,
        "leaf": {
            "description": "What the leaf adds to the margin; a number for each output where leaves are vectors.",
            "anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}],
        },
        "cover": _NUMBER,
    }
)
# A branch nests nodes in itself: OpenAPI's tools take a schema without references to its own parts.
_INNER: Final = {
    **_object(
        {
            "id": _COUNT,
            "field": _TEXT,
            "missing": {"enum": ["yes", "no"], "description": "Where a missing value goes."},
            "gain": _NUMBER,
            "cover": _NUMBER,
            "yes": {"type": "object", "description": "The node for instances that fit: a branch or a leaf as this."},
            "no": {"type": "object", "description": "The node for all others."},
        },
        {
            "below": {**_NUMBER, "description": "Values below this go to `yes`."},
            "at_most": {**_NUMBER, "description": "Values up to this, itself included, go to `yes`."},
            "zero": {"const": "missing", "description": "Zero counts as a missing value here."},
            "among": {"type": "array", "items": _TEXT, "description": "These categories go to `yes`."},
        },
    ),
    "oneOf": [{"required": ["below"]}, {"required": ["at_most"]}, {"required": ["among"]}],
}

_PATH: Final = {"number": {**_COUNT, "description": "Counted from 0.", "example": 0}}
_PROBLEMS: Final = ("model_not_ready", "not_found", "not_supported")
_SVG: Final = {
    MEDIA_TYPE: {
        "type": "string",
        "description": f"A drawing, for trees of up to {MAX_NODES:,} nodes.",
        "example": "…",
        "xml": {"name": "svg"},
    }
}

IMPORTANCE: Final = Operation(
    summary="What the model splits on: scores by field",
    answer=_importance,
    problems=("model_not_ready",),
)
TREE: Final = Operation(
    summary="One tree, as nested nodes or as a drawing",
    description="The nodes with the names and categories of the signature. Trees count from 0, over all rounds.",
    answer=_object(
        {
            **_ANSWERS,
            "number": _COUNT,
            "trees": {**_COUNT, "description": "How many the model has."},
            "round": {**_COUNT, "description": "The boosting round."},
            "used": {
                "type": "boolean",
                "description": "False for trees after the best iteration, which do not answer.",
            },
            "weight": {**_NUMBER, "description": "What its leaves are multiplied with: 1, except for dart."},
            "block": {"type": ["integer", "null"], "minimum": 0, "description": "Which class or target it adds to."},
            "name": {"type": ["string", "null"], "description": "That block's name."},
            "nodes": _COUNT,
            "depth": _COUNT,
            "root": {"oneOf": [_INNER, _LEAF]},
        }
    ),
    path=_PATH,
    problems=_PROBLEMS,
    media=_SVG,
)
DRAWING: Final = Operation(summary="One tree as a drawing", answer=None, path=_PATH, problems=_PROBLEMS, media=_SVG)
