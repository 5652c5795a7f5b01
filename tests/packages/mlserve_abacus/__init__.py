"""A protocol that is nobody's: texts of lines in, texts of lines out, and failures of one line."""

from typing import Any

import msgspec
from pyramid.config import Configurator
from pyramid.response import Response

from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.errors import Unreadable
from mlserve.inference import LoadedVersion
from mlserve.protocols import Failure, headers_of, media_type_sent, predict, read_body, target_of
from mlserve.signature import Batch

MLSERVE_API = (1, 0)
TEXT = "text/plain"
COUNT = Operation(summary="Count", answer=None, media={TEXT: {"type": "string"}}, needs="predict")


def includeme(config: Configurator) -> None:
    config.add_protocol("abacus", "/abacus", write_problem)
    config.add_protocol("abacus", "/beads", write_problem, exact=True)
    config.add_protocol_resource("abacus.count", "/abacus/{model}:count", Count)
    config.add_protocol_resource("abacus.version", "/abacus/{model}/versions/{version}:count", Count)
    config.add_protocol_resource("abacus.alias", "/abacus/{model}/aliases/{alias}:count", Count)
    config.add_protocol_resource("abacus.beads", "/beads", Count, model=lambda request: "line")


def write_problem(request: Any, failure: Failure) -> Response:
    if "HTTP_X_BREAK" in request.environ:
        raise ZeroDivisionError("secret of the plugin")
    told = [failure.code, failure.detail, *(problem.pointer for problem in failure.problems)]
    return Response(status=failure.status, content_type=TEXT, charset="utf-8", text="! " + " | ".join(told))


class Count(Resource):
    """Answers lines such as `1 2`, one an instance."""

    operations = {"post": COUNT}  # noqa: RUF012

    def post(self) -> Response:
        media_type_sent(self.request, TEXT)
        body = _text(read_body(self.request))
        with target_of(self.request) as target:
            explain = "explain" in self.request.params
            answered = predict(self.request, target, lambda loaded: _batch(loaded, body), explain=explain)
        arrays = answered.arrays
        values = [row["value"] for row in msgspec.json.decode(answered.record.outputs)]
        if arrays is not None:
            assert answered.signature is not None
            assert list(arrays[answered.signature.outputs[0].name]) == values
        lines = "".join(f"{value:g}\n" for value in values)
        return Response(lines, content_type=TEXT, charset="utf-8", headerlist=None, headers=headers_of(answered))


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("The body is not UTF-8.") from error


def _batch(loaded: LoadedVersion, body: str) -> Batch:
    names = [field.name for field in loaded.signature.inputs]
    rows = [dict(zip(names, map(_number, line.split()), strict=False)) for line in body.splitlines()]
    return loaded.decoder.decode(msgspec.json.encode(rows), None)


def _number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word
