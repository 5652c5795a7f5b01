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
from mlserve.dashboard import csrf, present, snippets
from mlserve.dashboard.contexts import HTML
from mlserve.dashboard.explained import explained
from mlserve.dashboard.files import OCTETS, kept_file, kept_files, media_type_of
from mlserve.dashboard.page import asks_for_keys, page
from mlserve.dashboard.plots import MOST, Plot, plot_of
from mlserve.dashboard.reproduced import Reproduced
from mlserve.errors import Busy, NotSupported, PredictionUnknown, TooLarge
from mlserve.inference import LiveModel
from mlserve.predictions import actuals, store
from mlserve.predictions.forms import CSV
from mlserve.predictions.kept import kept_csv, kept_json, kept_page
from mlserve.predictions.record import PredictionRecord, created_at
from mlserve.predictions.resources import PredictionsResource
from mlserve.registry import service
from mlserve.signature import Signature

# A file does nothing in a browser, in no page of another site either.
FILE_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "private, no-cache"),
)
# So many instances of one prediction are shown; all of them are in its JSON and CSV.
INSTANCES = 50
# The report of what happened is shown as a command up to this length of its body.
REPORT_BYTES = 1_000

QUERY_OF_INSTANCE = colander.SchemaNode(
    colander.Int(), name="instance", missing=0, validator=colander.Range(0, 2**31 - 1)
)
InstanceQuery = colander.MappingSchema(
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
    model = request.context.model
    listed = kept_page(request, model.name, inputs=False)
    # What was asked for, less what was left empty: the next page is asked for in the same words.
    sent = {name: value for name, value in request.GET.items() if value and name != "cursor"}
    address = partial(request.route_path, "dashboard.predictions", model=model.name)
    return page(
        request,
        "predictions.jinja2",
        model=model,
        rows=rows(listed.records),
        # An older page shows the rest of the list; what is drawn is the newest of it.
        plot=None if listed.after else _plot(request, model, listed.filters),
        query=listed.filters,
        filtered=any(value is not None for value in listed.filters.values()),
        first=address(_query=sent) if listed.after else None,
        next=address(_query={**sent, "cursor": listed.next}) if listed.next else None,
        curl=snippets.curl_get(
            f"{request.route_url('model', model=model.name)}/predictions{_query_text(sent)}", key=asks_for_keys(request)
        ),
    )


def prediction(request: Any) -> Any:
    """One kept prediction, found by its id alone; JSON and CSV as the API answers them."""
    query = read_query(request.environ, InstanceQuery)
    record: PredictionRecord = request.context.record
    if request.context.media_type == JSON:
        return kept_json(request, record)
    if request.context.media_type == CSV:
        return kept_csv(request, [record])
    return show(request, query["instance"], explain=query["explain"])


def file(request: Any) -> Response:
    """The bytes of one file of an instance, by the position of its field. Raises PredictionUnknown.

    They are whatever a caller has sent: a browser is to save them or to draw them, and never to run them.
    """
    record: PredictionRecord = request.context.record
    number, position = int(request.matchdict["instance"]), int(request.matchdict["field"])
    raw = None
    if number < record.n:
        with request.mlserve.database.read() as connection:
            signature = service.signature(connection, record.model, record.version)
        raw = kept_file(record, signature, msgspec.json.decode(record.inputs_text())[number], position)
    if raw is None:
        raise PredictionUnknown(f"Prediction {record.id} has no such file, or it was not kept.")
    media_type = media_type_of(raw)
    ending = media_type.partition("/")[2] if media_type != OCTETS else "bin"
    name = f"{record.id}-{number}-{position}.{ending}"
    return Response(
        raw,
        headerlist=[
            ("Content-Type", media_type),
            ("Content-Disposition", f'attachment; filename="{name}"'),
            *FILE_HEADERS,
        ],
    )


def show(request: Any, number: int, *, explain: bool = False, reproduced: Reproduced | None = None) -> Response:
    """The page of a kept prediction with one instance of it. Raises PredictionUnknown where it has no such one."""
    record: PredictionRecord = request.context.record
    if number >= record.n:
        raise PredictionUnknown(f"Prediction {record.id} has no instance {number}; it has {record.n}, counted from 0.")
    with request.mlserve.database.read() as connection:
        history = actuals.history(connection, record.id)
        signature = service.signature(connection, record.model, record.version)
    inputs, outputs = msgspec.json.decode(record.inputs_text()), msgspec.json.decode(record.outputs)
    explanation, why_not = _explanation(request, record, now=explain)
    hidden = record.not_kept or {}
    kept = {name: value for name, value in inputs[number].items() if name not in hidden}
    unseen = present.unseen(signature, kept)
    served = {model.name: model for model in request.mlserve.live}
    address, key = request.route_url("prediction", model=record.model, id=record.id), asks_for_keys(request)
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
        explained=explained(explanation, number, kept, present.labels_of(signature, outputs[number]), unseen),
        unseen=unseen,
        files=kept_files(record, signature, inputs[number]),
        why_not=why_not,
        live=served.get(record.model),
        history=history,
        curl=snippets.curl_get(address, key=key),
        report=_report(signature, outputs, address, key=key) if record.model in served else None,
        reproduced=reproduced,
        token=csrf.token(request),
        token_field=csrf.FIELD,
    )


def _plot(request: Any, model: LiveModel, filters: dict[str, Any]) -> Plot | None:
    """The newest answers of those that the filters select, over time."""
    champion = model.champion
    with request.mlserve.database.read() as connection:
        found = store.walk_answers(connection, model.name, filters, limit=MOST + 1)
        return plot_of(found, None if champion is None else champion.signature)


def _explanation(request: Any, record: PredictionRecord, *, now: bool) -> tuple[bytes | msgspec.Raw | None, str | None]:
    """The stored explanation, or with `now` one that is made now; or the sentence that says why there is none."""
    stored = request.serving.log.explanation(record)
    if stored is not None or not now:
        return stored, None
    try:
        return request.serving.explaining.of_kept(record), None
    except (NotSupported, TooLarge, Busy) as error:
        return None, error.detail


def _report(signature: Signature | None, outputs: list[dict[str, Any]], address: str, *, key: bool) -> str | None:
    """The command that reports what really happened, with the answers as examples; None where they are many."""
    name = next((label for label in present.labels_named(signature) if label in outputs[0]), next(iter(outputs[0])))
    body = msgspec.json.encode({"actuals": {name: [values[name] for values in outputs]}})
    return snippets.curl_put(f"{address}/actuals", body.decode(), key=key) if len(body) <= REPORT_BYTES else None


def _query_text(query: dict[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _short(record: PredictionRecord) -> str:
    first = present.short_outputs(msgspec.json.decode(record.outputs)[0])
    return first if record.n == 1 else f"{first} and {record.n - 1:,} more"
