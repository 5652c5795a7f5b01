"""The addresses of MLflow's scoring server, which are SageMaker's too."""

from importlib.metadata import version
from typing import Any

from pyramid.response import Response

from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.errors import ModelNotReady
from mlserve.protocols import JSON, headers_of, json_response, media_type_sent, predict
from mlserve_scoring.answering import answer_csv, answer_json
from mlserve_scoring.choosing import chosen
from mlserve_scoring.reading import read_csv, read_json

CSV = "text/csv"
TEXT = "text/plain"
_ROWS: dict[str, Any] = {"type": "object"}


class Ping(Resource):
    """Whether predictions can be answered: 200 with nothing in it, or 503."""

    operations = {"get": Operation("Can it answer", answer=_ROWS, media={TEXT: {}, CSV: {}}, needs="none")}  # noqa: RUF012

    def get(self) -> Response:
        well, _ = self.request.mlserve.readiness()
        if not well:
            raise ModelNotReady("Predictions cannot be answered now; /health/ready says why.", retry_after=5)
        if "model" in self.request.matchdict:
            with chosen(self.request):
                pass  # It is there.
        return Response(status=200)


class Version(Resource):
    """The version of the server, as text."""

    operations = {"get": Operation("The version", answer=None, media={TEXT: {"type": "string"}}, needs="none")}  # noqa: RUF012

    def get(self) -> Response:
        return Response(version("pyramid-mlserve"), content_type=TEXT, charset="utf-8")


class Invocations(Resource):
    """Predictions of the one model that answers here, or of the one in the path."""

    operations = {  # noqa: RUF012
        "post": Operation("Predict", answer=_ROWS, media={CSV: {"type": "string"}}, takes=(JSON, CSV), needs="predict")
    }

    def post(self) -> Response:
        """Answer the instances of the body; the answer leaves only when the prediction is kept."""
        sent = media_type_sent(self.request, JSON, CSV)
        decode = read_csv(self.request) if sent == CSV else read_json(self.request)
        with chosen(self.request) as target:
            answered = predict(self.request, target, decode)
        headers = headers_of(answered)
        if self.context.media_type == CSV:
            return Response(answer_csv(answered), headerlist=[("Content-Type", "text/csv; charset=utf-8"), *headers])
        return json_response(answer_json(answered), *headers)
