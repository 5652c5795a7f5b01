"""The answer of a prediction: rows for rows, columns for columns."""

from typing import Any

import msgspec
from msgspec import Raw

from mlserve.protocols import Answered

_rows = msgspec.json.Decoder(list[dict[str, Raw]]).decode


def answer_body(answered: Answered, *, by_columns: bool) -> dict[str, Any]:
    """`predictions`, a value for each row, or `outputs`, a list for each output; with one output its values alone."""
    assert answered.signature is not None
    outputs = answered.signature.outputs
    rows = _rows(answered.record.outputs)
    columns = {field.name: [_value(row[field.name], field.type) for row in rows] for field in outputs}
    only = next(iter(columns.values())) if len(columns) == 1 else None
    if by_columns:
        answer: Any = {"outputs": columns if only is None else only}
    elif only is not None:
        answer = {"predictions": only}
    else:
        answer = {
            "predictions": [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        }
    return {**answer, "prediction_id": answered.record.id}


def explained_body(answered: Answered, *, by_columns: bool) -> dict[str, Any]:
    """The same with `explanations`, one for each row, in the shape of all explanations here."""
    explanation: dict[str, Raw] = (
        {} if answered.explanation is None else msgspec.json.decode(answered.explanation, type=dict[str, Raw])
    )
    return {
        "explanations": explanation.pop("instances", None),
        **explanation,
        **answer_body(answered, by_columns=by_columns),
    }


def _value(value: Raw, kind: str) -> Any:
    """Bytes are written as TensorFlow Serving writes them."""
    return {"b64": value} if kind == "bytes" and bytes(memoryview(value)[:1]) == b'"' else value
