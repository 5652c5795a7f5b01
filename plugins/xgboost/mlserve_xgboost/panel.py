"""The family's panel on a model's page: what the model splits on."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from mlserve.inference import LiveModel
from mlserve.trees import importance_panel

_MEANINGS: Final = {
    "gain": "how much a split on the field improves the fit, on average",
    "weight": "how many splits are on the field",
    "cover": "how many training rows (weighted) such a split decides on, on average",
}
_LINEAR: Final = {"weight": "what the field's value is multiplied with"}


def xgboost_panel(request: Any, model: LiveModel) -> dict[str, Any]:
    """What the template shows. Raises ModelNotReady."""
    return importance_panel(request, model, _meanings)


def _meanings(kinds: Collection[str]) -> Mapping[str, str]:
    return _MEANINGS if "gain" in kinds else _LINEAR
