"""Predictions as REST resources: make one, read it back, list them, and say what really happened."""

import shlex
from collections.abc import Mapping
from typing import Any, ClassVar

from pyramid.response import Response
from sqlalchemy import Connection

from mlserve.api.addresses import next_page, path_of
from mlserve.api.bodies import json_body
from mlserve.api.negotiation import JSON, boundary_sent, comes_from_elsewhere, read_body, require_json_sent
from mlserve.api.renderer import PostResponse, json_response
from mlserve.api.resources import Direct, ModelResource, Resource
from mlserve.auth.guard import caller_of
from mlserve.errors import (
    DatabaseUnavailable,
    ModelNotReady,
    PredictionUnknown,
    Unreadable,
    UnsupportedMediaType,
)
from mlserve.inference import LoadedVersion
from mlserve.names import CHAMPION
from mlserve.predictions import actuals, operations
from mlserve.predictions.forms import CSV
from mlserve.predictions.forms.answering import table_response
from mlserve.predictions.forms.asking import TABLES, TableBody, table_sent
from mlserve.predictions.kept import kept_csv, kept_json, kept_page
from mlserve.predictions.multipart import Upload, is_file
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.reports import BulkItem
from mlserve.predictions.schemas import IDEMPOTENCY_KEY, describe_prediction, describe_revision
from mlserve.predictions.service import Answered, Asked, PredictionService, answer_json
from mlserve.predictions.store import Known
from mlserve.registry.past import using_number
from mlserve.registry.requests import number_in_path
from mlserve.types import application_of

Body = bytes | Upload | TableBody

# What asks for more of a prediction than its answer.
_ASKING = frozenset({"HTTP_IDEMPOTENCY_KEY", "HTTP_CONTENT_ENCODING"})
# How many reports one transaction stores: predictions wait for the same lock.
BULK = 250


def answer_plainly(context: Any, request: Any) -> Response | None:
    """What the POST of PredictionsResource answers to JSON beside which nothing is asked for, in fewer steps.

    None for every other request.
    """
    environ = request.environ
    if environ.get("CONTENT_TYPE") != JSON or context.media_type != JSON or not _ASKING.isdisjoint(environ):
        return None
    body = read_body(environ, application_of(request).limits.body)
    asked = Asked(caller=caller_of(request), request_id=environ["mlserve.request_id"])
    answered = _answer(request, context.model.loaded(), CHAMPION, body, asked)
    return _response(request, context, path_of(environ), answered)


class PredictionsResource(ModelResource):
    """The predictions of one model. A family's own class names its `family`."""

    plain = frozenset({"post"})
    direct: ClassVar[Mapping[str, Direct]] = {"post": answer_plainly}
    operations = operations.PREDICTIONS

    def post(self) -> Response:
        """Answer the instances of the body; the answer leaves only when the prediction is kept."""
        body, asked = _asked(self.request)
        answered = _answer(self.request, self.context.model.loaded(), CHAMPION, body, asked)
        return _response(self.request, self.context, path_of(self.request.environ), answered)

    def get(self) -> Any:
        """The kept predictions, newest first, a page at a time."""
        model = self.context.model
        page = kept_page(self.request, model.name)
        link = [] if page.next is None else [("Link", next_page(self.request.environ, page.next))]
        if self.context.media_type == CSV:
            champion = model.champion
            return kept_csv(
                self.request, page.records, link, otherwise=None if champion is None else champion.signature
            )
        self.request.response.headers.update([("Vary", "Accept"), *link])
        return {"predictions": [describe_prediction(record) for record in page.records], "next": page.next}


class AliasPredictionsResource(Resource):
    """The predictions that are asked of an alias."""

    plain = frozenset({"post"})
    operations = operations.ALIAS_PREDICTIONS

    def post(self) -> Response:
        """Answer by the version that the alias leads to."""
        model, alias = self.context.model, self.request.matchdict["alias"]
        loaded = model.at(alias, self.request.mlserve.registry.coming)
        body, asked = _asked(self.request, alias=alias, asked=f"alias:{alias}")
        answered = _answer(self.request, loaded, alias, body, asked)
        return _response(self.request, self.context, _predictions_behind(self.request), answered)


class VersionPredictionsResource(Resource):
    """The predictions that are asked of a version by its number."""

    plain = frozenset({"post"})
    operations = operations.VERSION_PREDICTIONS

    def post(self) -> Response:
        """Answer by that very version; it stays loaded for a while, whether or not an alias names it."""
        model, number = self.context.model, number_in_path(self.request, self.context.model.name)
        body, asked = _asked(self.request, alias=None, asked=f"version:{number}")
        with using_number(self.request.mlserve, model.name, number) as loaded:
            answered = _answer_of_form(self.request.serving, loaded, body, asked)
        return _response(self.request, self.context, _predictions_behind(self.request), answered)


class PredictionResource(Resource):
    """One kept prediction."""

    operations = operations.PREDICTION

    def get(self) -> Any:
        record = find(self.request, self.context.model.name)
        if self.context.media_type == CSV:
            return kept_csv(self.request, [record])
        return kept_json(self.request, record)


class ActualsResource(Resource):
    """What really happened for one prediction; each PUT is a new revision, and none is lost."""

    operations = operations.ACTUALS

    def get(self) -> dict[str, Any]:
        """All revisions, the current one first."""
        prediction = known(self.request, self.context.model.name)
        with self.request.mlserve.database.read() as connection:
            revisions = actuals.history(connection, prediction.id)
        return {"id": prediction.id, "revisions": [describe_revision(revision) for revision in revisions]}

    def put(self) -> dict[str, Any]:
        """Add a revision, which is the current one from now on."""
        body = json_body(self.request)
        prediction = known(self.request, self.context.model.name)
        values = self.request.mlserve.reports.read(prediction, body)
        with self.request.mlserve.database.write() as connection:
            stored = _put(self.request, connection, prediction.id, prediction.model, values)
        return {"id": prediction.id, **stored}


class BulkActualsResource(Resource):
    """Actuals of many predictions at once, answered one by one."""

    operations = operations.BULK_ACTUALS

    def post(self) -> dict[str, Any]:
        """Store every report that fits its prediction; say of each other one why it does not."""
        model = self.context.model.name
        items = self.request.mlserve.reports.read_bulk(model, json_body(self.request), self.request.serving.log.known)
        fitting = [item for item in items if item.values is not None]
        for start in range(0, len(fitting), BULK):
            try:
                self._store(model, fitting[start : start + BULK])
            except DatabaseUnavailable as error:
                if start == 0:
                    raise
                # What was stored before stays so, and its reports are not to be sent again.
                for item in fitting[start:]:
                    item.answer = {"stored": False, "code": error.code}
                break
        answers = [{"id": item.id, **item.answer} for item in items]
        stored = sum(answer["stored"] for answer in answers)
        return {"stored": stored, "refused": len(answers) - stored, "results": answers}

    def _store(self, model: str, items: list[BulkItem]) -> None:
        with self.request.mlserve.database.write() as connection:
            for item in items:
                stored = _put(self.request, connection, item.id, model, item.values or {})
                item.answer = {"stored": True, **stored}


def _put(
    request: Any, connection: Connection, identity: str, model: str, values: dict[str, list[Any]]
) -> dict[str, Any]:
    stored = actuals.put(connection, identity, model, values, caller=request.caller, request_id=request.request_id)
    return describe_revision(stored)


def find(request: Any, model: str) -> PredictionRecord:
    """The prediction of the path, wherever it is kept right now. Raises PredictionUnknown."""
    identity = request.matchdict["id"].lower()
    record: PredictionRecord | None = request.serving.log.find(identity)
    if record is None or record.model != model:
        raise _unknown(model, identity)
    return record


def known(request: Any, model: str) -> Known:
    """What actuals are checked against, of the prediction of the path. Raises PredictionUnknown."""
    identity = request.matchdict["id"].lower()
    prediction: Known | None = request.serving.log.known([identity]).get(identity)
    if prediction is None or prediction.model != model:
        raise _unknown(model, identity)
    return prediction


def _unknown(model: str, identity: str) -> PredictionUnknown:
    return PredictionUnknown(f"Model {model} has no kept prediction {identity!r}.")


def _asked(request: Any, **how: Any) -> tuple[Body, Asked]:
    """The body of a prediction's request, JSON, a form or a table, and what stands beside it.

    Raises UnsupportedMediaType, TooLarge, Unreadable.
    """
    environ = request.environ
    # Not `request.serving`, which asks once more whether the application has started.
    limits = application_of(request).limits
    boundary = table = None
    if environ.get("CONTENT_TYPE") != JSON:
        boundary = boundary_sent(environ)
        table = table_sent(environ, limits) if boundary is None else None
    if table is not None:
        how |= {"reference": table.reference, "explain": table.explain}
    elif boundary is None:
        _require_json(request)
    body = read_body(environ, limits.body) if table is None else b""
    asked = Asked(
        caller=request.caller,
        request_id=environ["mlserve.request_id"],
        idempotency_key=idempotency_key(environ),
        **how,
    )
    if table is not None:
        return table, asked
    return body if boundary is None else Upload(body, boundary, limits.problems), asked


def _require_json(request: Any) -> None:
    """As `require_json_sent`; where the model takes files, the sentence says how a form brings one."""
    try:
        require_json_sent(request.environ, TABLES)
    except UnsupportedMediaType as error:
        champion = request.context.model.champion
        files = [] if champion is None else [field for field in champion.signature.inputs if is_file(field)]
        if not files or comes_from_elsewhere(request.environ):
            raise
        part = shlex.quote(f"{files[0].name}=@FILE")
        raise UnsupportedMediaType(f"{error.detail} Or send a form: -F {part} instead of --data-binary.") from error


def _answer(request: Any, loaded: LoadedVersion, alias: str, body: Body, asked: Asked) -> Answered:
    """The answer of a version, or of the one that has taken its place at the alias meanwhile."""
    serving = application_of(request).serving
    try:
        return _answer_of_form(serving, loaded, body, asked)
    except ModelNotReady:
        return _answer_of_form(serving, swapped_in(request, alias, loaded), body, asked)


def _answer_of_form(serving: PredictionService, loaded: LoadedVersion, body: Body, asked: Asked) -> Answered:
    if isinstance(body, TableBody):
        identity = b"" if asked.idempotency_key is None else body.identity()
        return serving.answer_by(loaded, body.decode, identity, asked)
    return serving.answer(loaded, body, asked)


def swapped_in(request: Any, alias: str, gone: LoadedVersion) -> LoadedVersion:
    """The version that has taken the place of one which was closed while the request was on its way to it.

    Raises ModelNotReady where none has.
    """
    loaded: LoadedVersion = request.mlserve.live.get(gone.lineage.model).at(alias)
    if loaded is gone:
        raise ModelNotReady("This version of the model is closed.", retry_after=5)
    return loaded


def _predictions_behind(request: Any) -> str:
    """The address of the model's predictions, from that of an alias' or a version's."""
    return f"{path_of(request.environ).rsplit('/', 3)[0]}/predictions"


def _response(request: Any, context: Any, predictions: str, answered: Answered) -> Response:
    """`predictions` is the address of the model's predictions."""
    headers = _headers(predictions, answered)
    if context.media_type != JSON:
        return table_response(request, answered, context.media_type, headers)
    return json_response(answer_json(answered.record, answered.explanation), *headers, kind=PostResponse)


def idempotency_key(environ: dict[str, Any]) -> str | None:
    """The request's `Idempotency-Key`. Raises Unreadable."""
    key: str | None = environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise Unreadable("The Idempotency-Key header must be 1 to 255 visible ASCII characters.")
    return key


def _headers(predictions: str, answered: Answered) -> list[tuple[str, str]]:
    """`predictions` is the address of the model's predictions."""
    headers = [("Content-Location", f"{predictions}/{answered.record.id}")]
    if answered.replayed:
        headers.append(("Idempotency-Replayed", "true"))
    return headers
