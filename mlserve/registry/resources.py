"""Models as REST resources: the list, and one with its signature."""

from typing import Any

from mlserve.api.addresses import path_of
from mlserve.api.resources import Resource
from mlserve.auth.guard import sees
from mlserve.inference import LiveModel
from mlserve.registry import operations


class ModelsResource(Resource):
    """Every model that this server answers for."""

    operations = operations.MODELS

    def get(self) -> dict[str, Any]:
        path = path_of(self.request.environ)
        return {"models": [{**summary(model), "url": f"{path}/{model.name}"} for model in self._seen()]}

    def _seen(self) -> list[LiveModel]:
        return [model for model in self.request.mlserve.live if sees(self.request, model.name)]


class OneModelResource(Resource):
    """One model: its state, the version that answers, and that version's signature."""

    operations = operations.MODEL

    def get(self) -> dict[str, Any]:
        application = self.request.mlserve
        model = self.context.model
        path = path_of(self.request.environ)
        own = sorted(name for family, name in application.model_resources if family == model.family)
        return {**describe(model), "resources": {name: f"{path}/{name}" for name in own}}


def summary(model: LiveModel) -> dict[str, Any]:
    """What the list says of a model."""
    champion = model.champion
    return {
        "name": model.name,
        "family": model.family,
        "state": model.state,
        "version": None if champion is None else champion.lineage.version,
        "digest": None if champion is None else champion.lineage.digest,
    }


def describe(model: LiveModel) -> dict[str, Any]:
    """What a model's own address says of it."""
    champion = model.champion
    if champion is None:
        return {**summary(model), "reason": model.reason}
    lineage = champion.lineage
    return {
        **summary(model),
        "engine": lineage.engine,
        "plugin": lineage.plugin,
        "library": lineage.library,
        "explains": champion.explains,
        "metrics": champion.manifest["content"]["metrics"],
        # Where the file lay on the server is the operator's business, not the callers'.
        "provenance": {name: value for name, value in champion.manifest["provenance"].items() if name != "source"},
        "predictor": champion.predictor.info(),
        "signature": champion.signature.to_json(),
    }
