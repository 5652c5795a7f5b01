"""Kept predictions as their resources and their pages give them: a page of a model's, and one, in JSON and in CSV."""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

from pyramid.response import Response

from mlserve.api.query import read_query
from mlserve.predictions import actuals, store
from mlserve.predictions.forms.csv_writing import CONTENT_TYPE, predictions_csv
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.schemas import PredictionsQuery, describe_prediction, describe_revision, first_page
from mlserve.registry.signatures import signature_of
from mlserve.signature import Signature

# Tables of more instances wait for their turn: one holds a server's thread for a second or more.
LARGE = 2000


class KeptPage(NamedTuple):
    """Some predictions of a model, newest first; `after` is the cursor that led here, `next` the one that leads on."""

    records: list[PredictionRecord]
    filters: dict[str, Any]
    after: str | None
    next: str | None


def kept_page(request: Any, model: str, *, inputs: bool = True) -> KeptPage:
    """The page that the query string asks for, with the text of the inputs unless nobody will look at it.

    Raises Unreadable, DatabaseUnavailable, NotSupported.
    """
    filters = read_query(request.environ, PredictionsQuery)
    after, limit = filters.pop("cursor"), filters.pop("limit")
    with request.mlserve.database.read() as connection:
        found = store.walk_predictions(connection, model, before_id=after, limit=limit + 1, **filters)
        records, more = first_page(found, limit, request.mlserve.limits.body, inputs=inputs)
    return KeptPage(records, filters, after, records[-1].id if more else None)


def kept_json(request: Any, record: PredictionRecord) -> dict[str, Any]:
    """One prediction with its last report. Raises DatabaseUnavailable."""
    with request.mlserve.database.read() as connection:
        current = actuals.current(connection, record.id)
    request.response.headers["Vary"] = "Accept"
    return {**describe_prediction(record), "actuals": None if current is None else describe_revision(current)}


def kept_csv(
    request: Any,
    records: Sequence[PredictionRecord],
    headers: Sequence[tuple[str, str]] = (),
    *,
    otherwise: Signature | None = None,
) -> Response:
    """Predictions as a table; `otherwise` is the signature that heads an empty one.

    Raises DatabaseUnavailable, and Busy where it is large and others are being made.
    """
    application = request.mlserve
    large = sum(record.n for record in records) > LARGE
    with application.one_table.taken() if large else nullcontext():
        text = predictions_csv(records, partial(signature_of, application), otherwise=otherwise)
    return Response(text, headerlist=[("Content-Type", CONTENT_TYPE), ("Vary", "Accept"), *headers])
