"""The resources of V1, at the addresses of TensorFlow Serving and KServe."""

from typing import Any

import msgspec
from pyramid.response import Response

from mlserve.api.problems import NoSuchResource
from mlserve.api.resources import Resource
from mlserve.auth.guard import sees
from mlserve.protocols import (
    JSON,
    Answered,
    headers_of,
    json_members,
    json_response,
    media_type_sent,
    predict,
    target_of,
)
from mlserve_v1 import operations
from mlserve_v1.answering import answer_body, explained_body
from mlserve_v1.described import metadata, model_status, version_status
from mlserve_v1.reading import read

# What `curl -d` says of a body that is JSON, as in the examples of TensorFlow Serving.
FORM = "application/x-www-form-urlencoded"


class Models(Resource):
    """The names of the models."""

    operations = operations.MODELS

    def get(self) -> dict[str, Any]:
        return {"models": [model.name for model in self.request.mlserve.live if sees(self.request, model.name)]}


class Status(Resource):
    """How the versions of a model are doing, or the one that the path names."""

    operations = operations.STATUS

    def get(self) -> dict[str, Any]:
        if {"version", "alias"}.isdisjoint(self.request.matchdict):
            return model_status(self.request.mlserve.live.get(self.request.matchdict["model"]))
        with target_of(self.request) as target:
            return version_status(target.loaded)


class Metadata(Resource):
    """What a version takes and answers."""

    operations = operations.METADATA

    def get(self) -> dict[str, Any]:
        with target_of(self.request) as target:
            return metadata(target.loaded)


class Predict(Resource):
    """Predictions by rows or by columns."""

    operations = operations.PREDICT
    explains = False

    def post(self) -> Response:
        """Answer the instances of the body; the answer leaves only when the prediction is kept."""
        media_type_sent(self.request, JSON, alike=(FORM,))
        sent = read(json_members(self.request))
        with target_of(self.request) as target:
            answered = predict(self.request, target, sent.decode, reference=sent.reference, explain=self.explains)
            body = self.body(answered, by_columns=sent.instances is None)
        return json_response(msgspec.json.encode(body), *headers_of(answered))

    def body(self, answered: Answered, *, by_columns: bool) -> dict[str, Any]:
        return answer_body(answered, by_columns=by_columns)


class Explain(Predict):
    """Predictions with the reasons for them."""

    operations = operations.EXPLAIN
    explains = True

    def body(self, answered: Answered, *, by_columns: bool) -> dict[str, Any]:
        return explained_body(answered, by_columns=by_columns)


class NoOther(Resource):
    """`:classify` and `:regress`, whose bodies are TensorFlow's examples and not rows of a model's inputs."""

    operations = operations.NO_OTHER

    def post(self) -> Response:
        with target_of(self.request) as target:
            name, verb = target.loaded.lineage.model, self.request.matchdict["verb"]
        raise NoSuchResource(f"Model {name} answers :predict and :explain, and no :{verb}.")
