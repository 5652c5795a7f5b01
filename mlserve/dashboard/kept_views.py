"""Kept predictions: the list of a model's, and the page of one, which needs no live model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import colander
import msgspec
from pyramid.response import Response

from mlserve.api.negotiation import JSON
from mlserve.api.query import read_query
from mlserve.dashboard import present, snippets
from mlserve.dashboard.contexts import HTML
from mlserve.dashboard.explained import explained
from mlserve.dashboard.page import page
from mlserve.errors import ModelUnknown, NotSupported, PredictionUnknown, TooLarge, VersionUnknown
from mlserve.predictions import actuals, store
from mlserve.predictions.explanations import explained_now
from mlserve.predictions.record import PredictionRecord, created_at
from mlserve.predictions.resources import PredictionsResource
from mlserve.predictions.schemas import PredictionsQuery, describe_prediction, describe_revision, first_page
from mlserve.predictions.table import CONTENT_TYPE, CSV, predictions_csv
from mlserve.registry import service
from mlserve.signature import Signature

# So many instances of one prediction are shown; all of them are in its JSON and CSV.
INSTANCES = 50

QUERY_OF_INSTANCE = colander.SchemaNode(
    colander.Int(), name="instance", missing=0, validator=colander.Range(0, 2**31 - 1)
)
InstanceQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    QUERY_OF_INSTANCE,
    colander.SchemaNode(
        colander.Boolean(true_choices=("1", "true"), false_choices=("0", "false")), name="explain", missing=False
    ),
)


@dataclass(frozen=True)
class Row:
    """One prediction in a list."""

    record: PredictionRecord
    created_at: Any
    outputs: str


def rows(records: Sequence[PredictionRecord]) -> list[Row]:
    """Predictions as a list shows them: of their outputs the first instance's."""
    return [Row(record, created_at(record), _short(record)) for record in records]


def predictions(request: Any) -> Any:
    """A model's kept predictions, newest first; JSON and CSV as the API answers them."""
    if request.context.media_type != HTML:
        return PredictionsResource(request).get()
    query = read_query(request.environ, PredictionsQuery)
    cursor, limit = query.pop("cursor"), query.pop("limit")
    model = request.context.model
    with request.mlserve.database.read() as connection:
        found = store.walk_predictions(connection, model.name, before_id=cursor, limit=limit + 1, **query)
        listed, more = first_page(found, limit, request.serving.limits.body)
    # What was asked for, less what was left empty: the next page is asked for in the same words.
    sent = {name: value for name, value in request.GET.items() if value and name != "cursor"}
    address = partial(request.route_path, "dashboard.predictions", model=model.name)
    return page(
        request,
        "predictions.jinja2",
        model=model,
        rows=rows(listed),
        query=query,
        filtered=any(value is not None for value in query.values()),
        first=address(_query=sent) if cursor else None,
        next=address(_query={**sent, "cursor": listed[-1].id}) if more else None,
        curl=snippets.curl_get(f"{request.route_url('model', model=model.name)}/predictions{_query_text(sent)}"),
    )


def prediction(request: Any) -> Any:
    """One kept prediction, found by its id alone; JSON and CSV as the API answers them."""
    record: PredictionRecord = request.context.record
    with request.mlserve.database.read() as connection:
        history = actuals.history(connection, record.id)
        signature = _signature(connection, record)
    request.response.headers["Vary"] = "Accept"
    if request.context.media_type == JSON:
        return {**describe_prediction(record), "actuals": describe_revision(history[0]) if history else None}
    if request.context.media_type == CSV:
        return Response(
            predictions_csv([record], partial(_known, signature)),
            headerlist=[("Content-Type", CONTENT_TYPE), ("Vary", "Accept")],
        )
    query = read_query(request.environ, InstanceQuery)
    number = query["instance"]
    if number >= record.n:
        raise PredictionUnknown(f"Prediction {record.id} has no instance {number}; it has {record.n}, counted from 0.")
    inputs, outputs = msgspec.json.decode(record.inputs), msgspec.json.decode(record.outputs)
    explanation, why_not = _explanation(request, record) if query["explain"] else (record.explanation, None)
    hidden = record.not_kept or {}
    kept = {name: value for name, value in inputs[number].items() if name not in hidden}
    served = {model.name: model for model in request.mlserve.live}
    return page(
        request,
        "prediction.jinja2",
        record=record,
        made=created_at(record),
        number=number,
        inputs=inputs,
        outputs=outputs,
        short_outputs=present.short_outputs,
        shown=INSTANCES,
        answer=present.outputs_of(signature, outputs[number]),
        fields={} if signature is None else {field.name: field for field in signature.inputs},
        explained=explained(explanation, number, kept, present.labels_of(signature, outputs[number])),
        why_not=why_not,
        live=served.get(record.model),
        history=history,
        curl=snippets.curl_get(request.route_url("prediction", model=record.model, id=record.id)),
    )


def _explanation(request: Any, record: PredictionRecord) -> tuple[bytes | msgspec.Raw | None, str | None]:
    """The stored explanation, or one that is made now; or the sentence that says why there is none."""
    if record.explanation is not None:
        return record.explanation, None
    try:
        return explained_now(request.mlserve, record), None
    except (ModelUnknown, NotSupported, TooLarge) as error:
        return None, error.detail


def _query_text(query: dict[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _signature(connection: Any, record: PredictionRecord) -> Signature | None:
    """The signature of the version that answered, also of a model that is no longer served."""
    for version in service.versions(connection, record.model):
        if version["number"] == record.version:
            return Signature.from_json(version["signature"])
    return None


def _known(signature: Signature | None, model: str, version: int) -> Signature:
    if signature is None:
        raise VersionUnknown(f"Model {model} has no version {version}.")
    return signature


def _short(record: PredictionRecord) -> str:
    first = present.short_outputs(msgspec.json.decode(record.outputs)[0])
    return first if record.n == 1 else f"{first} and {record.n - 1:,} more"
