"""The REST resource that tells what a model's file holds; a plugin's own has its `family`, and `describing` it."""

from collections.abc import Mapping
from typing import Any, Protocol

from mlserve.api.resources import ModelResource


class DescribedPredictor(Protocol):
    """What a predictor has for this resource, beside what every predictor has."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What the file holds, in JSON values; `instance` is the Mode."""


class Description(ModelResource):
    """What the file of the version that answers holds."""

    def get(self) -> dict[str, Any]:
        """The predictor's `description`, with the version's names."""
        with self.using_predictor() as loaded:
            predictor: DescribedPredictor = loaded.predictor  # type: ignore[assignment] # The resource is the family's.
            lineage = loaded.lineage
            names = {"model": lineage.model, "version": lineage.version, "digest": lineage.digest}
            return {**names, **predictor.description}
