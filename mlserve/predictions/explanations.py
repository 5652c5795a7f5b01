"""Explanations as REST resources: of new instances, and of a prediction that was made."""

from typing import Any

import msgspec

from mlserve.api.negotiation import read_body, require_json_sent
from mlserve.api.resources import Resource
from mlserve.names import CHAMPION
from mlserve.predictions import operations
from mlserve.predictions.resources import find


class ExplanationsResource(Resource):
    """What the model makes of instances that nobody asks a prediction for."""

    operations = operations.EXPLANATIONS

    def post(self) -> dict[str, Any]:
        """Explain the instances of the body, and keep nothing."""
        environ, serving = self.request.environ, self.request.serving
        require_json_sent(environ)
        loaded = self.context.model.loaded()
        explanation = serving.explaining.of_body(loaded, read_body(environ, serving.limits.body))
        return {
            "model": loaded.lineage.model,
            "version": loaded.lineage.version,
            "alias": CHAMPION,
            "explanation": msgspec.Raw(explanation),
        }


class PredictionExplanationResource(Resource):
    """Why one kept prediction is what it is."""

    operations = operations.EXPLANATION

    def get(self) -> dict[str, Any]:
        """The explanation that was stored with the prediction; else what its very bundle says of its inputs now."""
        serving = self.request.serving
        record = find(self.request, self.context.model.name)
        stored = serving.log.explanation(record)
        return {
            "id": record.id,
            "model": record.model,
            "version": record.version,
            "stored": stored is not None,
            "explanation": msgspec.Raw(serving.explaining.of_kept(record)) if stored is None else stored,
        }
