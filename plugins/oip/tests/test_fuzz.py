"""Whatever is sent: an answer that is right, or a refusal in the protocol's shape."""

import base64
import json
import math
import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oip_requests import DTYPES, LENGTH, OCTETS, SCALARS, TENSORS, outputs_of, packed, tensor
from webtest.response import TestResponse

from mlserve.signature import Field
from mlserve.testing import Served

pytestmark = pytest.mark.slow
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

DATATYPE = {
    "bool": "BOOL",
    **{f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    **dict.fromkeys(("string", "category", "text", "bytes"), "BYTES"),
}
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


def values_of(field: Field, count: int) -> st.SearchStrategy[list[Any]]:
    """`count` values of a field's type, as Python has them."""
    if field.type == "bool":
        one: st.SearchStrategy[Any] = st.booleans()
    elif field.type.startswith(("int", "uint")):
        limits = np.iinfo(field.type)
        one = st.integers(int(limits.min), int(limits.max))
    elif field.type.startswith("float"):
        one = st.floats(width=int(field.type[5:]), allow_nan=False, allow_infinity=False)  # type: ignore[arg-type]
        if field.nullable:
            one = st.none() | one
    elif field.type == "category":
        one = st.sampled_from(field.categories)
    elif field.type == "bytes":
        one = st.binary(max_size=8)
    else:
        one = TEXT
    return st.lists(one, min_size=count, max_size=count)


@st.composite
def requests(draw: st.DrawFn, fields: tuple[Field, ...]) -> tuple[int, dict[str, tuple[Any, Any]]]:
    """The number of instances, and the shape and the flat values of each field; many instances are a few repeated."""
    n, times = draw(st.integers(1, 2)), draw(st.sampled_from([1, 1, 20]))
    found = {}
    for field in fields:
        rest = [draw(st.integers(0, 3)) if size == -1 else size for size in field.shape]
        found[field.name] = ([n * times, *rest], draw(values_of(field, n * math.prod(rest))) * times)
    return n * times, found


def as_json(field: Field, value: Any) -> Any:
    return base64.b64encode(value).decode() if field.type == "bytes" else value


def as_binary(field: Field, shape: list[int], values: list[Any]) -> Any:
    if DATATYPE[field.type] == "BYTES":
        return [value if isinstance(value, bytes) else value.encode() for value in values]
    if field.type.startswith("float"):
        values = [math.nan if value is None else value for value in values]
    return np.array(values, DTYPES[DATATYPE[field.type]]).reshape(shape)


def nested(values: list[Any], shape: list[int]) -> Any:
    for size in reversed(shape[1:]):
        count = len(values) // size if size else math.prod(shape[: shape.index(size)])
        values = [values[at * size : (at + 1) * size] for at in range(count)]
    return values


@pytest.mark.parametrize(("model", "fields"), [("scalars", SCALARS), ("tensors", TENSORS)])
def test_json_and_bytes_and_our_own_resource_answer_alike(app: Served, model: str, fields: tuple[Field, ...]) -> None:
    @quick
    @given(requests(fields))
    def alike(request: tuple[int, dict[str, tuple[Any, Any]]]) -> None:
        n, given_values = request
        told = [
            tensor(field.name, DATATYPE[field.type], shape, [as_json(field, value) for value in values])
            for field in fields
            for shape, values in [given_values[field.name]]
        ]
        by_json = app.post_json(f"/v2/models/{model}/infer", {"inputs": told})
        body, headers = body_of(fields, given_values)
        by_bytes = app.post(f"/v2/models/{model}/infer", body, headers=headers)
        columns = {
            field.name: nested([as_json(field, value) for value in given_values[field.name][1]], shape)
            for field in fields
            for shape in [given_values[field.name][0]]
        }
        own = app.post_json(f"/api/v1/models/{model}/predictions", {"columns": columns})
        rows = msgspec.json.decode(own.body)["outputs"]
        assert len(rows) == n
        in_json, in_bytes = outputs_of(by_json), outputs_of(by_bytes)
        for field in fields:
            shape, values = given_values[field.name]
            flat = _flat([row[field.name] for row in rows], len(shape) - 1)
            if field.type == "float16":  # Its shortest texts are shorter in our own answers.
                assert _halves(in_json[field.name]) == _halves(flat)
            else:
                assert in_json[field.name] == flat, field.name
            sent = as_binary(field, shape, values)
            if DATATYPE[field.type] == "BYTES":
                assert in_bytes[field.name] == sent
            else:
                assert in_bytes[field.name].tobytes() == sent.tobytes(), field.name

    alike()


def body_of(fields: tuple[Field, ...], values: dict[str, tuple[Any, Any]]) -> tuple[bytes, dict[str, str]]:
    """The request with every tensor as bytes, and its answer too."""
    inputs = [(field.name, DATATYPE[field.type], as_binary(field, *values[field.name])) for field in fields]
    body, headers = packed(inputs, parameters={"binary_data_output": True})
    length = int(headers[LENGTH])
    text = json.loads(body[:length])
    for told, field in zip(text["inputs"], fields, strict=True):
        told["shape"] = values[field.name][0]
    head = json.dumps(text).encode()
    return head + body[length:], {**headers, LENGTH: str(len(head))}


def _flat(values: list[Any], depth: int) -> list[Any]:
    for _ in range(depth):
        values = [item for value in values for item in value]
    return values


def _halves(values: list[Any]) -> bytes:
    return np.array(values, np.float64).astype(np.float16).tobytes()


X, Y = ("x", "FP64", [1.5, -2.0]), ("y", "FP64", [0.0, 3.0])


def well() -> tuple[dict[str, Any], bytes]:
    body, headers = packed([X, Y])
    length = int(headers[LENGTH])
    return json.loads(body[:length]), body[length:]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = st.sampled_from(
    [
        ("inputs",),
        ("inputs", 0),
        ("inputs", 0, "name"),
        ("inputs", 0, "datatype"),
        ("inputs", 0, "shape"),
        ("inputs", 0, "shape", 0),
        ("inputs", 0, "parameters"),
        ("inputs", 0, "parameters", "binary_data_size"),
        ("inputs", 1, "data"),
        ("outputs",),
        ("id",),
        ("parameters",),
    ]
)


@quick
@given(place=PLACES, value=JSON_VALUES)
def test_any_value_at_any_place_is_answered_rightly_or_refused(app: Served, place: tuple[Any, ...], value: Any) -> None:
    request, behind = well()
    at: Any = request
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    text = json.dumps(request).encode()
    judge(app, text + behind, str(len(text)))


@quick
@given(cut=st.integers(0, 400), length=st.integers(-2, 400), extra=st.binary(max_size=9))
def test_any_cut_and_any_length_of_the_json(app: Served, cut: int, length: int, extra: bytes) -> None:
    request, behind = well()
    text = json.dumps(request).encode()
    judge(app, (text + behind)[:cut] + extra, str(length))
    judge(app, text + behind + extra, str(len(text)))
    judge(app, text + behind[: len(behind) - len(extra)], str(len(text)))


@quick
@given(body=st.binary(max_size=200), header=st.none() | st.text("0123456789-+. ", max_size=4))
def test_any_bytes(app: Served, body: bytes, header: str | None) -> None:
    judge(app, body, header)


@quick
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_any_byte_in_place_of_another(app: Served, at: int, byte: int) -> None:
    request, behind = well()
    text = json.dumps(request).encode()
    body = bytearray(text + behind)
    body[at % len(body)] = byte
    judge(app, bytes(body), str(len(text)))


@quick
@given(value=JSON_VALUES, model=st.sampled_from(["line", "tensors", "gaps", "one"]))
def test_any_json(app: Served, value: Any, model: str) -> None:
    body = json.dumps(value).encode()
    refused(app.post(f"/v2/models/{model}/infer", body, content_type="application/json", expect_errors=True))


@quick
@given(data=JSON_VALUES, shape=st.lists(st.integers(-1, 4), max_size=4))
def test_any_data_of_any_shape_is_a_tensor_or_refused(app: Served, data: Any, shape: list[int]) -> None:
    assume(data != [] or shape != [0])
    found = app.post_json(
        "/v2/models/one/infer", {"inputs": [tensor("pixels", "UINT8", shape, data)]}, expect_errors=True
    )
    flat = _leaves(data)
    fits = (
        len(shape) == 3
        and shape[0] > 0
        and shape[1:] == [2, 2]
        and isinstance(data, list)
        and len(flat) == math.prod(shape)
        and all(type(leaf) in (int, float) and leaf == leaf // 1 and 0 <= leaf <= 255 for leaf in flat)
    )
    if found.status_int == 200:
        assert fits
        assert outputs_of(found)["pixels"] == flat
    else:
        refused(found)


def _leaves(data: Any) -> list[Any]:
    return [leaf for item in data for leaf in _leaves(item)] if isinstance(data, list) else [data]


def judge(app: Served, body: bytes, header: str | None) -> None:
    """The answer is the one that the request asks for by the letter of the protocol; else it is refused."""
    headers = {"Content-Type": OCTETS, **({} if header is None else {LENGTH: header})}
    found = app.post("/v2/models/line/infer", body, headers=headers, expect_errors=True)
    if found.status_int == 200:
        x, y = understood(body, header)
        outputs = outputs_of(found)
        if "value" in outputs:
            answers = [1 + 2 * a - b for a, b in zip(x, y, strict=True)]
            assert list(outputs["value"]) == pytest.approx(answers, rel=1e-8, abs=1e-8)  # The model rounds.
    else:
        refused(found)


def refused(found: TestResponse) -> None:
    assert 400 <= found.status_int < 500, (found.status, found.text)
    assert found.headers["Content-Type"] == "application/json"
    assert isinstance(found.json["error"], str)


def understood(body: bytes, header: str | None) -> tuple[list[float], list[float]]:
    """The columns of a request for `line`, read anew with nothing of the plugin's; AssertionError where it is none."""
    length = len(body) if header is None else int(header)
    assert 0 < length <= len(body)
    request = json.loads(body[:length])
    at = length
    found: dict[str, list[float]] = {}
    for told in request["inputs"]:
        name, shape, datatype = told["name"], told["shape"], told["datatype"]
        assert name in ("x", "y")
        assert name not in found
        assert datatype == "FP64"
        assert len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)
        size = (told.get("parameters") or {}).get("binary_data_size")
        if size is None:
            found[name] = [float(leaf) for leaf in _leaves(told["data"])]
        else:
            assert "data" not in told
            assert type(size) is int
            assert size == 8 * shape[0]
            found[name] = list(struct.unpack_from(f"<{shape[0]}d", body, at))
            at += size
        assert len(found[name]) == shape[0] > 0
        assert all(math.isfinite(value) for value in found[name])
    assert at == len(body)
    return found["x"], found["y"]
