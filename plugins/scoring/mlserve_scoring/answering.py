"""Predictions as MLflow's server writes them, and as lines of CSV."""

import csv
import io
from typing import Any

import msgspec
from msgspec import Raw

from mlserve.protocols import Answered

_raw_rows = msgspec.json.Decoder(list[dict[str, Raw]]).decode


def answer_json(answered: Answered) -> bytes:
    """`{"predictions": [...]}`: the values of the one output, or an object for each instance."""
    rows = _raw_rows(answered.record.outputs)
    predictions: list[Any] = [_alone(row) for row in rows]
    return msgspec.json.encode({"predictions": predictions, "prediction_id": answered.record.id})


def answer_csv(answered: Answered) -> bytes:
    """A line for each instance, without names: the values of the outputs in their order."""
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    for row in msgspec.json.decode(answered.record.outputs, type=list[dict[str, Any]]):
        writer.writerow(_cells(list(row.values())))
    return lines.getvalue().encode()


def _alone(row: dict[str, Raw]) -> Any:
    return next(iter(row.values())) if len(row) == 1 else row


def _cells(value: Any) -> list[Any]:
    """Lists and objects spread out; null is an empty cell."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [cell for part in value for cell in _cells(part)]
    return [str(value).lower() if isinstance(value, bool) else value]
