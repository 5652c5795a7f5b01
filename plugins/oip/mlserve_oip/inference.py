"""`POST …/infer`: a prediction in the form of the protocol."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pyramid.response import Response

from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.errors import Invalid, Problem
from mlserve.inference import LoadedVersion
from mlserve.protocols import JSON, Answered, headers_of, media_type_sent, predict, read_body
from mlserve.signature import Batch
from mlserve_oip.answering import Body, Wanted, response_body, wanted_outputs
from mlserve_oip.encoding import encoded, encoding_for
from mlserve_oip.operations import FORM, INFER, OCTETS
from mlserve_oip.paths import target_of
from mlserve_oip.presentation import Presentations, Tensor, outputs_of, presentations_of
from mlserve_oip.reading import Reader
from mlserve_oip.request import read, whole_body

LENGTH: Final = "Inference-Header-Content-Length"
_LENGTH_SENT: Final = "HTTP_INFERENCE_HEADER_CONTENT_LENGTH"


class Inference:
    """One request: it is read once, and for each version that may answer it anew."""

    def __init__(self, presentations: Presentations, body: bytes, header: str | None) -> None:
        self._presentations = presentations
        self._body = body
        self._received = read(body, header)
        self._wanted: list[Wanted] = []

    @property
    def identity(self) -> str | None:
        return None if self._received is None else self._received.request.id

    @property
    def reference(self) -> str | None:
        """The caller's own text for the log. Raises Invalid."""
        given = None if self._received is None else self._received.request.parameter("reference")
        if given is None or isinstance(given, str):
            return given
        problem = Problem("type", "a string", str(given)[:40], "/parameters/reference", field="reference")
        raise Invalid("The parameters are not right.", problems=[problem])

    def batch(self, loaded: LoadedVersion) -> Batch:
        """The Batch for that version; the outputs that are wanted of it are known then."""
        presentation = self._presentations.of(loaded)
        received = self._received or whole_body(self._body, presentation.inputs.values())
        self._wanted = self._wanted_of(presentation.outputs)
        return Reader(loaded, presentation, received).batch()

    def answer(self, answered: Answered) -> Body:
        """The body of the answer, in the form of the version that has answered: a stored one may be of another."""
        wanted = self._wanted
        if answered.replayed:
            assert answered.signature is not None
            wanted = self._wanted_of(outputs_of(answered.signature))
        return response_body(answered, wanted, self.identity)

    def _wanted_of(self, outputs: Mapping[str, Tensor]) -> list[Wanted]:
        return wanted_outputs(outputs, None if self._received is None else self._received.request)


class InferResource(Resource):
    """`/v2/models/{model}[/versions/{version}]/infer`."""

    plain = frozenset({"post"})
    operations: ClassVar[Mapping[str, Operation]] = {"post": INFER}

    def post(self) -> Response:
        """Answer the tensors of the body; the answer leaves only when the prediction is kept."""
        request = self.request
        media_type_sent(request, JSON, OCTETS, alike=(FORM,))
        header = request.environ.get(_LENGTH_SENT)
        inference = Inference(presentations_of(request), read_body(request), header)
        with target_of(request) as target:
            answered = predict(request, target, inference.batch, reference=inference.reference)
            body = inference.answer(answered)
        return _response(request, body, headers_of(answered))


def _response(request: Any, body: Body, headers: list[tuple[str, str]]) -> Response:
    content, json_length = body
    encoding = encoding_for(request.environ.get("HTTP_ACCEPT_ENCODING"))
    headers = [*headers, ("Vary", "Accept-Encoding")]
    if encoding is not None:
        content = encoded(content, encoding)
        headers.append(("Content-Encoding", encoding))
    if json_length is not None:
        headers.append((LENGTH, str(json_length)))
    media_type = JSON if json_length is None else OCTETS
    headers += [("Content-Type", media_type), ("Content-Length", str(len(content)))]
    return Response(body=content, headerlist=headers)
