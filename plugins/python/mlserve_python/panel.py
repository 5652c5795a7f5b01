"""What the model's page shows of a class."""

from typing import Any

from mlserve.inference import LiveModel
from mlserve_python.resources import described


def panel(request: Any, model: LiveModel) -> dict[str, Any]:
    """The class that answers. Raises ModelNotReady."""
    with model.using_predictor() as loaded:
        return {"predictor": described(loaded)}
