"""The JSON forms of predictions and actuals, and the query that lists them."""

from datetime import datetime
from typing import Any

import colander

from mlserve.predictions.actuals import Revision
from mlserve.predictions.record import PredictionRecord, created_at

PAGE = 50
LONGEST_PAGE = 1000


PredictionsQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(colander.DateTime(), name="since", missing=None),
    colander.SchemaNode(colander.DateTime(), name="until", missing=None),
    colander.SchemaNode(colander.Int(), name="version", missing=None, validator=colander.Range(1, 2**31 - 1)),
    colander.SchemaNode(colander.String(), name="caller", missing=None),
    colander.SchemaNode(colander.String(), name="reference", missing=None),
    colander.SchemaNode(colander.Int(), name="limit", missing=PAGE, validator=colander.Range(1, LONGEST_PAGE)),
    colander.SchemaNode(
        colander.String(),
        name="cursor",
        missing=None,
        validator=colander.Regex(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", "the `next` of an earlier page"),
    ),
)


def describe_prediction(record: PredictionRecord) -> dict[str, Any]:
    """A kept prediction as its resource shows it; inputs and outputs are the stored texts."""
    return {
        "id": record.id,
        "model": record.model,
        "version": record.version,
        "alias": record.alias,
        "asked": record.asked,
        "created_at": time_text(created_at(record)),
        "duration_us": record.duration_us,
        "caller": record.caller,
        "reference": record.reference,
        "request_id": record.request_id,
        "instances": record.n,
        "inputs": record.inputs,
        "outputs": record.outputs,
        "warnings": record.warnings or [],
        "not_kept": record.not_kept or {},
        "lineage": {name: getattr(record, name) for name in ("digest", "family", "engine", "plugin", "library")},
    }


def describe_revision(revision: Revision) -> dict[str, Any]:
    """One revision of what really happened."""
    return {
        "revision": revision.revision,
        "reported_at": time_text(revision.created_at),
        "actuals": revision.actuals,
    }


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in Z."""
    return moment.isoformat().replace("+00:00", "Z")
