"""Model families, predictors and the versions that are loaded right now. Pure: no web framework, no database."""

from mlserve.inference.explanation import Explanation
from mlserve.inference.family import Explainer, Maker, ModelFamily, Predictor
from mlserve.inference.live import LiveModel, LiveModels
from mlserve.inference.loaded import LoadedVersion

__all__ = ["Explainer", "Explanation", "LiveModel", "LiveModels", "LoadedVersion", "Maker", "ModelFamily", "Predictor"]
