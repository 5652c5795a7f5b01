"""Predictions as an Arrow IPC stream: the columns of a request, and those of an answer."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlserve.arrow import BYTES, TEXT, Column, Stream, open_stream, stream_of
from mlserve.inference import LoadedVersion
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.service import Answered
from mlserve.signature import Batch, Signature
from mlserve.signature.base64 import read_base64
from mlserve.signature.batch import DTYPES
from mlserve.signature.faults import Fault, LimitReached, Problems, got
from mlserve.signature.fields import BINARY, FLOATS, TEXTS, OutputField
from mlserve.signature.outputs import rows_of
from mlserve.signature.packing import contiguous

# What stands in the schema's metadata of an answer.
PREFIX: Final = "mlserve:"


def decode_arrow(loaded: LoadedVersion, body: bytes, most: int) -> Batch:
    """The Batch of a stream's columns, whose values may take `most` bytes beyond its own.

    Raises Invalid, with pointers of the form `/columns/age/3`, Unreadable, TooLarge, UnsupportedMediaType.
    """
    stream = open_stream(body, most)
    _refuse_unread(loaded, stream)
    values = stream.read(loaded.decoder.refuse_too_many)
    names = [column.name for column in stream.columns]
    return loaded.decoder.decode_arrays(dict(zip(names, values, strict=True)))


def _refuse_unread(loaded: LoadedVersion, stream: Stream) -> None:
    """Raise Invalid where two columns have one name, and where one is of a type that is not read."""
    if len({column.name for column in stream.columns}) == len(stream.columns) and all(
        column.reader is not None for column in stream.columns
    ):
        return
    schema, seen = loaded.decoder.schema, set()
    problems = Problems(loaded.decoder.max_problems)
    try:
        for column in stream.columns:
            name, fault = column.name, None
            if name in seen:
                fault = Fault("unknown_field", "each column once", got(name))
            elif name not in loaded.signature.positions:
                fault = schema.typ.unknown_field(name, column.kind)
            elif column.reader is None:
                fault = Fault("type", schema[name].typ.expected, column.kind)
            if fault is not None:
                problems.add(fault, ("columns", name), None, name)
            seen.add(name)
    except LimitReached:
        pass
    raise problems.invalid()


def answer_arrow(answered: Answered, signature: Signature) -> bytes:
    """The stream that answers: one record batch, a column an output; numbers that are not finite as they are.

    `signature` is that of the version that has answered. The prediction's id, model, version and alias are the schema's
    metadata (`mlserve:id`), and so is the explanation's JSON where there is one.
    """
    record = answered.record
    about = {"id": record.id, "model": record.model, "version": str(record.version)}
    about |= {} if record.alias is None else {"alias": record.alias}
    about |= {} if answered.explanation is None else {"explanation": answered.explanation.decode()}
    metadata = {PREFIX + name: text for name, text in about.items()}
    return stream_of(list(_columns(answered, signature)), record.n, metadata)


def _columns(answered: Answered, signature: Signature) -> Iterable[Column]:
    rows: list[dict[str, Any]] = []
    for field in signature.outputs:
        # Floats are written from the predictor's own array: JSON has no NaN, and would have to be read again.
        if field.type in FLOATS and answered.arrays is not None:
            column = _of_floats(field, answered.arrays[field.name])
        else:
            rows = rows or msgspec.json.decode(answered.record.outputs)
            column = _of_json(field, [row[field.name] for row in rows], answered.record)
        names = {"categories": msgspec.json.encode(field.categories).decode()} if field.categories else {}
        yield column._replace(metadata={PREFIX + name: text for name, text in names.items()})


def _of_floats(field: OutputField, answers: Any) -> Column:
    dtype = DTYPES[field.type]
    if not field.varies:
        return Column(field.name, contiguous(np.asarray(answers), dtype), field.shape)
    rows = [contiguous(row, dtype) for row in rows_of(field, answers)]
    return _varying(Column(field.name, np.concatenate([row.ravel() for row in rows]), field.shape), rows)


def _of_json(field: OutputField, values: Sequence[Any], record: PredictionRecord) -> Column:
    """The column of an output as it was kept: null in it is a number that JSON cannot write."""
    values = [list(value.values()) if isinstance(value, dict) else value for value in values]
    leaves = [list(_leaves(value)) for value in values]
    missing = np.fromiter((None in own for own in leaves), np.bool_, len(leaves))
    flat = [leaf for own in leaves for leaf in own]
    if field.type in TEXTS:
        column = Column(field.name, flat, field.shape, TEXT, missing)
    elif field.type in BINARY:
        raws = [None if leaf is None else read_base64(leaf) for leaf in flat]
        column = Column(field.name, raws, field.shape, BYTES, missing)
    elif field.type in FLOATS:
        numbers = np.array(flat, np.float64).astype(DTYPES[field.type])
        column = Column(field.name, numbers if field.shape else _with_warned(numbers, field, record), field.shape)
    else:
        plain = np.array([0 if leaf is None else leaf for leaf in flat], DTYPES[field.type])
        column = Column(field.name, plain, field.shape, None, missing)
    return _varying(column, [np.array(value, np.object_) for value in values]) if field.varies else column


def _with_warned(numbers: NDArray[Any], field: OutputField, record: PredictionRecord) -> NDArray[Any]:
    """The numbers that are not finite, which a kept prediction has as null, from its warnings."""
    for warning in record.warnings or ():
        if warning["output"] == field.name:
            numbers[warning["instance"]] = float(warning["value"])
    return numbers


def _varying(column: Column, rows: Sequence[NDArray[Any]]) -> Column:
    return column._replace(sizes=[row.shape for row in rows])


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
