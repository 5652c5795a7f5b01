"""What the model's page shows of a model of means."""

from typing import Any

from mlserve.inference import LiveModel


def panel(request: Any, model: LiveModel) -> dict[str, Any] | None:
    """The largest offsets first; None, so no panel, while no version of the model is loaded."""
    if model.champion is None:
        return None
    means = model.champion.predictor.means  # type: ignore[attr-defined]  # A predictor of this family has it.
    offsets = [(field, category, number) for field, by in means.offsets.items() for category, number in by.items()]
    return {"mean": means.mean, "offsets": sorted(offsets, key=lambda offset: -abs(offset[2]))}
