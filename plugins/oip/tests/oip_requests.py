"""Builders for the tests of the protocol: requests as clients send them, and their answers read again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mlserve_echo import echo_model
from webtest.response import TestResponse

from mlserve.signature import Field
from mlserve.testing import settings_of
from tests.factories import linear_model

OCTETS = "application/octet-stream"
LENGTH = "Inference-Header-Content-Length"

DTYPES: Mapping[str, Any] = {
    "BOOL": np.bool_,
    **{f"INT{bits}": np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
}

# One scalar of each type, and tensors of some.
SCALARS = (
    Field("truth", "bool"),
    *(Field(f"i{bits}", f"int{bits}") for bits in (8, 16, 32, 64)),  # type: ignore[arg-type]
    *(Field(f"u{bits}", f"uint{bits}") for bits in (8, 16, 32, 64)),  # type: ignore[arg-type]
    *(Field(f"f{bits}", f"float{bits}", nullable=True) for bits in (16, 32, 64)),  # type: ignore[arg-type]
    Field("kind", "category", categories=("a", "b")),
    Field("word", "string"),
    Field("prose", "text"),
    Field("blob", "bytes"),
)
TENSORS = (
    Field("grid", "float32", (2, 3)),
    Field("counts", "int64", (2,)),
    Field("flags", "bool", (3,)),
    Field("any", "float64", (-1,)),
    Field("names", "string", (2,)),
)


def settings(folder: Path, **more: str) -> dict[str, str]:
    """INI keys of an application with models of every type: `scalars`, `tensors`, `one` (a single tensor), `line`."""
    models = {
        "scalars": echo_model(folder, *SCALARS, name="scalars"),
        "tensors": echo_model(folder, *TENSORS, name="tensors"),
        "one": echo_model(folder, Field("pixels", "uint8", (2, 2)), name="one"),
        "blob": echo_model(folder, Field("blob", "bytes"), name="blob"),
        "gaps": echo_model(
            folder,
            Field("age", "int64", nullable=True),
            Field("ok", "bool", required=False),
            Field("height", "float32", minimum=0),
            name="gaps",
            as_floats=True,
        ),
        "line": linear_model(folder),
    }
    return settings_of(folder, plugins="mlserve_linear mlserve_echo oip", models=models, linear__decimals="9", **more)


def tensor(name: str, datatype: str, shape: Sequence[int], data: Any) -> dict[str, Any]:
    """An input as JSON has it."""
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": data}


def packed(inputs: Sequence[tuple[str, str, Any]], **members: Any) -> tuple[bytes, dict[str, str]]:
    """A body with binary tensors of name, datatype and values (an array, or a list of bytes), and its headers."""
    told, behind = [], []
    for name, datatype, values in inputs:
        if datatype == "BYTES":
            raw = b"".join(len(value).to_bytes(4, "little") + value for value in values)
            shape = [len(values)]
        else:
            array = np.asarray(values, DTYPES[datatype])
            raw, shape = array.astype(array.dtype.newbyteorder("<")).tobytes(), list(array.shape)
        told.append({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": len(raw)}})
        behind.append(raw)
    text = json.dumps({"inputs": told, **members}).encode()
    return b"".join([text, *behind]), {LENGTH: str(len(text)), "Content-Type": OCTETS}


def outputs_of(response: TestResponse) -> dict[str, Any]:
    """The outputs by name, of JSON and of bytes alike: arrays of numbers, lists of texts or bytes."""
    length = response.headers.get(LENGTH)
    head = response.body if length is None else response.body[: int(length)]
    behind = b"" if length is None else response.body[int(length) :]
    found = {}
    for output in json.loads(head)["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            found[output["name"]] = output["data"]
            continue
        raw, behind = behind[:size], behind[size:]
        if output["datatype"] == "BYTES":
            found[output["name"]] = []
            while raw:
                count = int.from_bytes(raw[:4], "little")
                found[output["name"]].append(raw[4 : 4 + count])
                raw = raw[4 + count :]
        else:
            dtype = np.dtype(DTYPES[output["datatype"]]).newbyteorder("<")
            found[output["name"]] = np.frombuffer(raw, dtype).reshape(output["shape"])
    assert not behind
    return found
