"""Kept predictions as CSV (RFC 4180): one row an instance, for spreadsheets and data frames. JSON is the exact form."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

import msgspec

from mlserve.api.times import time_text
from mlserve.errors import VersionUnknown
from mlserve.predictions.forms import CSV
from mlserve.predictions.record import PredictionRecord, created_at
from mlserve.signature import Signature

CONTENT_TYPE = f"{CSV}; charset=utf-8; header=present"
FIXED = ("id", "model", "version", "alias", "created_at", "instance", "caller", "reference")

# What makes a spreadsheet take a text for a formula when it is the first character.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_instances = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def predictions_csv(
    records: Sequence[PredictionRecord],
    signature_of: Callable[[str, int], Signature],
    *,
    otherwise: Signature | None = None,
) -> bytes:
    """The CSV text of predictions, with a header; `otherwise` is the signature that heads an empty table.

    The columns are those of the versions that made the predictions, in the order of the versions' numbers. A number
    is written as it was kept, an array or object as its JSON text; null, and what was not kept, is an empty cell.
    """
    rows = [row for record in records for row in _rows(record)]
    known = _signatures(records, signature_of)
    if not records and otherwise is not None:
        known = [otherwise]
    columns = dict.fromkeys(
        [f"input.{field.name}" for signature in known for field in signature.inputs]
        + [name for row in rows for name in row if name.startswith("input.")]
        + [f"output.{field.name}" for signature in known for field in signature.outputs]
        + [name for row in rows for name in row]
    )
    header = [*FIXED, *(name for name in columns if name not in FIXED)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([row.get(name, "") for name in header] for row in rows)
    return text.getvalue().encode()


def _signatures(records: Iterable[PredictionRecord], signature_of: Callable[[str, int], Signature]) -> list[Signature]:
    found = []
    for model, version in sorted({(record.model, record.version) for record in records}):
        try:
            found.append(signature_of(model, version))
        except VersionUnknown:  # Its columns are then those that its predictions have.
            continue
    return found


def _rows(record: PredictionRecord) -> Iterable[dict[str, str]]:
    fixed = {
        "id": record.id,
        "model": record.model,
        "version": str(record.version),
        "alias": record.alias or "",
        "created_at": time_text(created_at(record)),
        "caller": guarded(record.caller),
        "reference": guarded(record.reference or ""),
    }
    pairs = zip(_instances(record.inputs_text()), _instances(record.outputs), strict=True)
    for instance, (inputs, outputs) in enumerate(pairs):
        yield {
            **fixed,
            "instance": str(instance),
            **{f"input.{name}": _cell(value) for name, value in inputs.items()},
            **{f"output.{name}": _cell(value) for name, value in outputs.items()},
        }


def outputs_csv(record: PredictionRecord, names: Sequence[str]) -> bytes:
    """The outputs of one prediction, a row an instance below their names; cells as in the table of kept ones."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([_cell(row[name]) for name in names] for row in _instances(record.outputs))
    return text.getvalue().encode()


def _cell(value: msgspec.Raw) -> str:
    text = bytes(value)
    if text.startswith(b'"'):
        return guarded(msgspec.json.decode(text, type=str))
    return "" if text == b"null" else text.decode()


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that could be has an apostrophe in front."""
    return f"'{text}" if text.startswith(_FORMULA) else text
