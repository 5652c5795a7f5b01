"""Model families, predictors and the versions that are loaded right now. Pure: no web framework, no database."""

from mlserve.inference.explanation import Explanation
from mlserve.inference.family import Explainer, ListsCategories, Maker, ModelFamily, Predictor
from mlserve.inference.importer import Imported, Importer
from mlserve.inference.live import LiveModel, LiveModels
from mlserve.inference.loaded import LoadedVersion

__all__ = [
    "Explainer",
    "Explanation",
    "Imported",
    "Importer",
    "ListsCategories",
    "LiveModel",
    "LiveModels",
    "LoadedVersion",
    "Maker",
    "ModelFamily",
    "Predictor",
]
