"""The JSON forms of predictions and actuals, and the query that lists them."""

import re
from collections.abc import Iterator
from typing import Any

import colander

from mlserve.api.query import id_page_nodes
from mlserve.api.times import Moment, time_text
from mlserve.predictions.actuals import Revision
from mlserve.predictions.record import PredictionRecord, created_at, kept_size, with_text
from mlserve.signature.json_schema import NO_NUL

IDEMPOTENCY_KEY = re.compile("[!-~]{1,255}")


def _without_nul(node: colander.SchemaNode, text: str) -> None:
    """PostgreSQL takes no NUL in a text, so that nothing could be found by it."""
    if "\0" in text:
        raise colander.Invalid(node, "a text without the character NUL")


def _text(name: str, description: str) -> colander.SchemaNode:
    return colander.SchemaNode(
        colander.String(),
        name=name,
        missing=None,
        validator=_without_nul,
        description=description,
        json_schema={"type": "string", "pattern": NO_NUL},
    )


PredictionsQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(Moment(), name="since", missing=None, description="Made then or later."),
    colander.SchemaNode(Moment(), name="until", missing=None, description="Made before then."),
    colander.SchemaNode(
        colander.Int(),
        name="version",
        missing=None,
        validator=colander.Range(1, 2**31 - 1),
        description="Answered by this version.",
    ),
    _text("caller", "Made by this caller."),
    _text("reference", "With this reference."),
    *id_page_nodes("Predictions a page; fewer where they are large."),
)


def first_page(
    found: Iterator[PredictionRecord], limit: int, size: int, *, inputs: bool
) -> tuple[list[PredictionRecord], bool]:
    """At most `limit` predictions, fewer where their inputs and outputs pass `size` bytes; whether there are more.

    With `inputs` all of them have their text. Raises NotSupported then, for a damaged block.
    """
    page: list[PredictionRecord] = []
    taken = 0
    for record in found:
        if page and (len(page) == limit or taken >= size):
            return page, True
        page.append(with_text(record) if inputs else record)
        taken += kept_size(page[-1])
    return page, False


def describe_prediction(record: PredictionRecord) -> dict[str, Any]:
    """A kept prediction as its resource shows it; inputs and outputs are the stored texts.

    Raises NotSupported for a damaged block.
    """
    return {
        **describe_answer(record),
        "inputs": record.inputs_text(),
        "outputs": record.outputs,
        "warnings": record.warnings or [],
        "not_kept": record.not_kept or {},
        "lineage": {name: getattr(record, name) for name in ("digest", "family", "engine", "plugin", "library")},
    }


def describe_answer(record: PredictionRecord) -> dict[str, Any]:
    """What it says of a prediction beside the inputs and outputs."""
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
    }


def describe_revision(revision: Revision) -> dict[str, Any]:
    """One revision of what really happened."""
    return {
        "revision": revision.revision,
        "reported_at": time_text(revision.created_at),
        "actuals": revision.actuals,
    }
