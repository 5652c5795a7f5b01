"""Model families, predictors and the versions that are loaded right now. Pure: no web framework, no database."""

from mlserve.inference.family import ModelFamily, Predictor
from mlserve.inference.live import LiveModel, LiveModels
from mlserve.inference.loaded import LoadedVersion

__all__ = ["LiveModel", "LiveModels", "LoadedVersion", "ModelFamily", "Predictor"]
