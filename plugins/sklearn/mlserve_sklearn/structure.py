"""What a model is made of, for people: its steps with their classes and parameters, in JSON values."""

from typing import Any, Final

import numpy as np

_MOST: Final = 200  # characters of a parameter's text
_DEEP: Final = 12


def class_of(model: Any) -> str:
    """The full name of a model's class."""
    return f"{type(model).__module__}.{type(model).__qualname__}"


def structure_of(model: Any, name: str | None = None, columns: Any = None, depth: int = 0) -> dict[str, Any]:
    """An estimator with its parameters that are plain values, and the `steps` inside it."""
    steps = [] if depth > _DEEP else [structure_of(*part, depth=depth + 1) for part in _parts(model)]
    inside = {"steps", "transformers", "transformer_list", "estimators"}
    found: dict[str, Any] = {
        "name": name,
        "class": "passthrough" if model == "passthrough" else class_of(model),
        "parameters": {key: _plain(value) for key, value in _parameters(model).items() if key not in inside},
        "steps": steps,
    }
    if columns is not None:
        found["columns"] = [_plain(column) for column in columns]
    return found


def _parts(model: Any) -> list[tuple[Any, str, Any]]:
    """The estimators inside of one, each with its name and the columns that it is given."""
    if hasattr(model, "transformers_"):
        known = getattr(model, "feature_names_in_", None)
        places = getattr(model, "_transformer_to_input_indices", {})
        return [
            (part, name, [at if known is None else str(known[at]) for at in places.get(name, ())])
            for name, part, _ in model.transformers_
            if not (isinstance(part, str) and part == "drop")
        ]
    for attribute in ("steps", "transformer_list"):
        if hasattr(model, attribute):
            return [(part, name, None) for name, part in getattr(model, attribute) if part is not None]
    for attribute in ("best_estimator_", "regressor_", "estimator_"):
        if hasattr(model, attribute):
            return [(getattr(model, attribute), attribute.rstrip("_"), None)]
    if hasattr(model, "named_estimators_"):
        return [(part, name, None) for name, part in model.named_estimators_.items()]
    return []


def _parameters(model: Any) -> dict[str, Any]:
    """What the estimator was made with; of somebody else's what it says."""
    try:
        return dict(model.get_params(deep=False))
    except Exception:  # An estimator need not have parameters.
        return {}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value if not isinstance(value, str) else value[:_MOST]
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if hasattr(value, "get_params"):
        return class_of(value)
    text = " ".join(str(value).split())
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"
