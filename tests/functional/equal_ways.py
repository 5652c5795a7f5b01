"""Every way in which a prediction is asked: the address, the form of the body, and how its answer is read.

An answer is read as the prediction's id and, for each output, the flat values of all instances in order.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mlserve.signature import Signature

Rows = Sequence[Mapping[str, Any]]
Read = tuple[str, dict[str, list[Any]]]
JSON = "application/json"
LENGTH = "Inference-Header-Content-Length"
DATATYPES = {
    **{f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    "float32": "FP32",
    "float64": "FP64",
    "bool": "BOOL",
}

ARROW = "application/vnd.apache.arrow.stream"
ARROW_TYPES = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}


@dataclass(frozen=True)
class Way:
    """`path` has a place for the model's name; `body` gives the body and further headers of so many rows."""

    name: str
    path: str
    body: Callable[[Rows, Signature], tuple[bytes, Mapping[str, str]]]
    read: Callable[[Mapping[str, str], bytes, Signature], Read]


def columns(rows: Rows, signature: Signature) -> dict[str, list[Any]]:
    return {field.name: [row[field.name] for row in rows] for field in signature.inputs}


def arrays(rows: Rows, signature: Signature) -> list[list[Any]]:
    return [[row[field.name] for field in signature.inputs] for row in rows]


def _member(name: str, form: Callable[[Rows, Signature], Any]) -> Callable[[Rows, Signature], Any]:
    return lambda rows, signature: (json.dumps({name: form(rows, signature)}).encode(), {"Content-Type": JSON})


def _objects(rows: Rows, signature: Signature) -> Any:
    return list(rows)


def _split(rows: Rows, signature: Signature) -> Any:
    return {"columns": list(signature.names), "data": arrays(rows, signature)}


def table(rows: Rows, signature: Signature) -> tuple[bytes, Mapping[str, str]]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(signature.names)
    for row in arrays(rows, signature):
        writer.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
    return text.getvalue().encode(), {"Content-Type": "text/csv"}


def _stream(rows: Rows, signature: Signature) -> tuple[bytes, Mapping[str, str]]:
    """An Arrow IPC stream of two record batches, answered by another."""
    types = {field.name: ARROW_TYPES.get(field.type, pa.utf8()) for field in signature.inputs}
    made = pa.table({name: pa.array(values, types[name]) for name, values in columns(rows, signature).items()})
    with pa.ipc.new_stream(sink := pa.BufferOutputStream(), made.schema) as writer:
        writer.write_table(made, max_chunksize=max(1, (len(rows) + 1) // 2))
    return sink.getvalue().to_pybytes(), {"Content-Type": ARROW, "Accept": ARROW}


def _tensors(rows: Rows, signature: Signature) -> tuple[bytes, Mapping[str, str]]:
    inputs = [_tensor(*column) for column in _typed(rows, signature)]
    return json.dumps({"inputs": inputs}).encode(), {"Content-Type": JSON}


def _binary(rows: Rows, signature: Signature) -> tuple[bytes, Mapping[str, str]]:
    """All as bytes but what is missing and no float, which only JSON can say."""
    inputs, behind = [], []
    for name, values, kind in _typed(rows, signature):
        one = _tensor(name, values, kind)
        if None not in values or kind.startswith("float"):
            raw = _raw(values, kind)
            del one["data"]
            one["parameters"] = {"binary_data_size": len(raw)}
            behind.append(raw)
        inputs.append(one)
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    return b"".join([head, *behind]), {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}


def _typed(rows: Rows, signature: Signature) -> list[tuple[str, list[Any], str]]:
    found = columns(rows, signature)
    return [(field.name, found[field.name], field.type) for field in signature.inputs]


def _tensor(name: str, values: list[Any], kind: str) -> dict[str, Any]:
    return {"name": name, "datatype": DATATYPES.get(kind, "BYTES"), "shape": [len(values)], "data": values}


def _raw(values: list[Any], kind: str) -> bytes:
    if kind in DATATYPES:
        return np.array(values, np.dtype(kind).newbyteorder("<")).tobytes()
    return b"".join(len(text).to_bytes(4, "little") + text for text in (value.encode() for value in values))


def _own(headers: Mapping[str, str], body: bytes, signature: Signature) -> Read:
    told = json.loads(body)
    return told["id"], {field.name: _flat([row[field.name] for row in told["outputs"]]) for field in signature.outputs}


def _stream_of(headers: Mapping[str, str], body: bytes, signature: Signature) -> Read:
    told = pa.ipc.open_stream(body).read_all()
    names = [field.name for field in signature.outputs]
    return headers["mlserve-prediction-id"], {name: _flat(told[name].to_pylist()) for name in names}


def _rows_of(headers: Mapping[str, str], body: bytes, signature: Signature) -> Read:
    """`predictions` of V1 and of scoring: the values of the one output, or objects."""
    told = json.loads(body)
    names = [field.name for field in signature.outputs]
    rows = told["predictions"]
    if len(names) == 1:
        return told["prediction_id"], {names[0]: _flat(rows)}
    return told["prediction_id"], {name: _flat([row[name] for row in rows]) for name in names}


def _columns_of(headers: Mapping[str, str], body: bytes, signature: Signature) -> Read:
    told = json.loads(body)
    names = [field.name for field in signature.outputs]
    found = told["outputs"] if len(names) > 1 else {names[0]: told["outputs"]}
    return told["prediction_id"], {name: _flat(found[name]) for name in names}


def _tensors_of(headers: Mapping[str, str], body: bytes, signature: Signature) -> Read:
    length = int(headers.get(LENGTH.lower(), len(body)))
    told, behind = json.loads(body[:length]), body[length:]
    types = {field.name: field.type for field in signature.outputs}
    found = {}
    for output in told["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[output["name"]] = output["data"]
        else:
            found[output["name"]] = _unpacked(behind[:size], types[output["name"]])
            behind = behind[size:]
    return told["parameters"]["prediction_id"], found


def _unpacked(raw: bytes, kind: str) -> list[Any]:
    if kind in DATATYPES:
        return np.frombuffer(raw, np.dtype(kind).newbyteorder("<")).tolist()
    found, at = [], 0
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        found.append(raw[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return found


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [item for part in value for item in _flat(part)] if isinstance(value, list) else [value]


OWN = "/api/v1/models/{}"
_OBJECTS, _COLUMNS = _member("instances", _objects), _member("columns", columns)
WAYS = (
    Way("objects", f"{OWN}/predictions", _OBJECTS, _own),
    Way("arrays", f"{OWN}/predictions", _member("instances", arrays), _own),
    Way("columns", f"{OWN}/predictions", _COLUMNS, _own),
    Way("CSV", f"{OWN}/predictions", table, _own),
    Way("alias, Arrow", f"{OWN}/aliases/champion/predictions", _stream, _stream_of),
    Way("alias, objects", f"{OWN}/aliases/champion/predictions", _OBJECTS, _own),
    Way("version, columns", f"{OWN}/versions/1/predictions", _COLUMNS, _own),
    Way("OIP, JSON", "/v2/models/{}/infer", _tensors, _tensors_of),
    Way("OIP, binary", "/v2/models/{}/versions/1/infer", _binary, _tensors_of),
    Way("V1, rows", "/v1/models/{}:predict", _OBJECTS, _rows_of),
    Way("V1, columns", "/v1/models/{}:predict", _member("inputs", columns), _columns_of),
    Way("scoring, split", "/models/{}/invoke", _member("dataframe_split", _split), _rows_of),
    Way("scoring, records", "/models/{}/invoke", _member("dataframe_records", _objects), _rows_of),
    Way("scoring, CSV", "/models/{}/invoke", table, _rows_of),
)
