"""What the model's page shows of a model of means."""

from typing import Any

from mlserve.inference import LiveModel
from mlserve_template.family import TemplatePredictor


def panel(request: Any, model: LiveModel) -> dict[str, Any]:
    """The largest offsets first. Raises ModelNotReady, so that there is no panel, while no version is loaded."""
    with model.using_predictor() as loaded:
        predictor: TemplatePredictor = loaded.predictor  # type: ignore[assignment] # The panel is the family's own.
        means = predictor.means
    offsets = [(field, category, number) for field, by in means.offsets.items() for category, number in by.items()]
    return {"mean": means.mean, "offsets": sorted(offsets, key=lambda offset: -abs(offset[2]))}
