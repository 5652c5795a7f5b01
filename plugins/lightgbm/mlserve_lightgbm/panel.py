"""The family's panel on a model's page: what the model splits on."""

from typing import Any, Final

from mlserve.inference import LiveModel
from mlserve.trees import importance_panel

_MEANINGS: Final = {
    "gain": "how much all splits on the field improve the fit",
    "split": "how many splits are on the field",
}


def lightgbm_panel(request: Any, model: LiveModel) -> dict[str, Any]:
    """What the template shows. Raises ModelNotReady."""
    return importance_panel(request, model, lambda kinds: _MEANINGS)
