"""The family's panel on a model's page: its tensors and operators."""

from typing import Any

from mlserve.inference import LiveModel


def tensors_panel(request: Any, model: LiveModel) -> dict[str, Any]:
    """What the template shows. Raises ModelNotReady while no version answers."""
    with model.using_predictor() as loaded:
        told: dict[str, Any] = loaded.predictor.description  # type: ignore[attr-defined] # The panel is the family's own.
    return {
        "told": told,
        "rows": [(kind, tensor) for kind in ("inputs", "outputs") for tensor in told[kind]],
    }
