"""Explanations as REST resources: of new instances, and of a prediction that was made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from mlserve.api.negotiation import read_body, require_json_sent
from mlserve.api.resources import Resource
from mlserve.application import Application
from mlserve.errors import NotSupported
from mlserve.inference import LoadedVersion
from mlserve.predictions import operations
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.resources import find
from mlserve.predictions.service import CHAMPION
from mlserve.registry.past import Past


class ExplanationsResource(Resource):
    """What the model makes of instances that nobody asks a prediction for."""

    operations = operations.EXPLANATIONS

    def post(self) -> dict[str, Any]:
        """Explain the instances of the body, and keep nothing."""
        environ, serving = self.request.environ, self.request.serving
        require_json_sent(environ)
        loaded = self.context.model.loaded()
        explanation = serving.explain(loaded, read_body(environ, serving.limits.body))
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
        record = find(self.request, self.context.model.name)
        stored = record.explanation is not None
        return {
            "id": record.id,
            "model": record.model,
            "version": record.version,
            "stored": stored,
            "explanation": record.explanation if stored else explained_now(self.request.mlserve, record),
        }


def explained_now(application: Application, record: PredictionRecord) -> msgspec.Raw:
    """The explanation of a kept prediction, computed by the bundle that answered it; a JSON text.

    Raises NotSupported where that bundle, its family or the inputs are not there any more, or the family cannot
    explain; TooLarge, ModelNotReady, PredictionFailed.
    """
    if record.not_kept:
        names = ", ".join(f"'{name}' ({keep})" for name, keep in record.not_kept.items())
        raise NotSupported(f"The inputs of this prediction were not kept whole: {names}.")
    with _version_of(application, record) as loaded:
        loaded.require_explainer()
        batch = loaded.stored_inputs.decode(bytes(record.inputs))
        return msgspec.Raw(application.serving.explain_batch(loaded, batch))


@contextmanager
def _version_of(application: Application, record: PredictionRecord) -> Iterator[LoadedVersion]:
    """The version that made the prediction: the live one if it is that, else loaded from its bundle."""
    live = (model.champion for model in application.live if model.name == record.model)
    champion = next(live, None)  # None too for a model that is not served any more.
    if champion is not None and champion.lineage.digest == record.digest:
        yield champion
        return
    with application.past.using(Past(record.model, record.version, record.digest, record.family)) as loaded:
        yield loaded
