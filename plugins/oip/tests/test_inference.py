"""Inference in the real application: the same answers as our own resources give, by JSON and by bytes."""

import base64
import gzip
import io
import json
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from mlserve_echo import echo_model
from oip_requests import DTYPES, LENGTH, OCTETS, SCALARS, outputs_of, packed, settings, tensor
from PIL import Image
from webob import Request

from mlserve.signature import Field
from mlserve.testing import Served, serving, settings_of

INFER = "/v2/models/{}/infer"
WORDS = {"kind": ["a", "b"], "word": ["ä", "line\nbreak"], "prose": ["long", ""]}
VALUES = {
    "truth": [True, False],
    **{f"i{bits}": [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] for bits in (8, 16, 32, 64)},
    **{f"u{bits}": [0, 2**bits - 1] for bits in (8, 16, 32, 64)},
    "f16": [0.5, 65504.0],
    "f32": [0.10000000149011612, -3.4028234663852886e38],
    "f64": [0.1, 5e-324],
    **WORDS,
    "blob": [b"\x00\xff", b""],
}
DATATYPES = {
    "truth": "BOOL",
    **{
        f"{letter}{bits}": f"{name}{bits}" for letter, name in (("i", "INT"), ("u", "UINT")) for bits in (8, 16, 32, 64)
    },
    **{f"f{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    **dict.fromkeys((*WORDS, "blob"), "BYTES"),
}


def json_inputs() -> list[dict]:
    as_json = {**VALUES, "blob": [base64.b64encode(value).decode() for value in VALUES["blob"]]}
    return [tensor(name, DATATYPES[name], [2], as_json[name]) for name in VALUES]


def binary_inputs() -> list[tuple]:
    as_bytes = {**VALUES, **{name: [text.encode() for text in texts] for name, texts in WORDS.items()}}
    return [(name, DATATYPES[name], as_bytes[name]) for name in VALUES]


def test_all_types_in_json(app: Served) -> None:
    found = app.post_json(INFER.format("scalars"), {"id": "mine", "inputs": json_inputs()})
    assert found.content_type == "application/json"
    assert found.headers["Content-Type"] == "application/json"
    answer = msgspec.json.decode(found.body)
    assert answer["id"] == "mine"
    assert answer["model_name"] == "scalars"
    assert answer["model_version"] == "1"
    assert [output["datatype"] for output in answer["outputs"]] == list(DATATYPES.values())
    assert all(output["shape"] == [2] for output in answer["outputs"])
    outputs = outputs_of(found)
    for name in ("truth", *(name for name in VALUES if name[0] in "iu"), "f64", *WORDS):
        assert outputs[name] == VALUES[name], name
    for name in ("f16", "f32"):
        assert [float(DTYPES[DATATYPES[name]].type(it)) for it in outputs[name]] == VALUES[name]
    assert [base64.b64decode(value) for value in outputs["blob"]] == VALUES["blob"]
    assert answer["outputs"][-1]["parameters"] == {"content_type": "base64"}


def test_all_types_as_bytes_are_answered_to_the_bit(app: Served) -> None:
    body, headers = packed(binary_inputs(), parameters={"binary_data_output": True})
    found = app.post(INFER.format("scalars"), body, headers=headers)
    assert found.headers["Content-Type"] == OCTETS
    outputs = outputs_of(found)
    for name, datatype, values in binary_inputs():
        if datatype == "BYTES":
            assert outputs[name] == values
        else:
            assert outputs[name].tobytes() == np.asarray(values, DTYPES[datatype]).tobytes(), name


def test_many_instances_as_bytes_take_the_way_of_arrays_to_the_same_bits(app: Served) -> None:
    repeated = [(name, datatype, list(values) * 50) for name, datatype, values in binary_inputs()]
    body, headers = packed(repeated, parameters={"binary_data_output": True})
    outputs = outputs_of(app.post(INFER.format("scalars"), body, headers=headers))
    for name, datatype, values in repeated:
        if datatype == "BYTES":
            assert outputs[name] == values
        else:
            assert outputs[name].tobytes() == np.asarray(values, DTYPES[datatype]).tobytes(), name


def test_some_inputs_as_bytes_and_some_in_json(app: Served) -> None:
    body, headers = packed(binary_inputs()[:5])
    length = int(headers[LENGTH])
    text = json.loads(body[:length])
    text["inputs"] += json_inputs()[5:]
    mixed = json.dumps(text).encode()
    found = app.post(INFER.format("scalars"), mixed + body[length:], headers={**headers, LENGTH: str(len(mixed))})
    assert outputs_of(found) == outputs_of(app.post_json(INFER.format("scalars"), {"inputs": json_inputs()}))


TENSORS = {
    "grid": ("FP32", np.arange(12, dtype=np.float32).reshape(2, 2, 3) / 8),
    "counts": ("INT64", np.array([[2**53 + 1, -1], [-(2**63), 2**63 - 1]])),
    "flags": ("BOOL", np.array([[True, False, True], [False, False, True]])),
    "any": ("FP64", np.array([[0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4]])),
}
NAMES = [["a", "b"], ["c", "ä"]]
LIST = ["a", "b", "c", "ä"]


@pytest.mark.parametrize("form", ["flat", "nested", "binary"])
def test_tensors(app: Served, form: str) -> None:
    if form == "binary":
        inputs = [(name, datatype, array) for name, (datatype, array) in TENSORS.items()]
        flat = [text.encode() for row in NAMES for text in row]
        body, headers = packed([*inputs, ("names", "BYTES", flat)], parameters={"binary_data_output": True})
        length = int(headers[LENGTH])
        text = json.loads(body[:length])
        text["inputs"][-1]["shape"] = [2, 2]
        head = json.dumps(text).encode()
        found = app.post(INFER.format("tensors"), head + body[length:], headers={**headers, LENGTH: str(len(head))})
        outputs = outputs_of(found)
        for name, (_, array) in TENSORS.items():
            assert outputs[name].tobytes() == array.tobytes()
        assert outputs["names"] == flat
        return
    told = [
        tensor(name, datatype, array.shape, (array if form == "nested" else array.reshape(-1)).tolist())
        for name, (datatype, array) in TENSORS.items()
    ]
    told.append(tensor("names", "BYTES", [2, 2], NAMES if form == "nested" else LIST))
    found = app.post_json(INFER.format("tensors"), {"inputs": told})
    outputs = outputs_of(found)
    for name, (datatype, array) in TENSORS.items():
        assert np.array(outputs[name], DTYPES[datatype]).tobytes() == array.tobytes()
    assert outputs["names"] == LIST
    assert [one["shape"] for one in found.json["outputs"]] == [[2, 2, 3], [2, 2], [2, 3], [2, 4], [2, 2]]


def test_a_scalar_is_taken_as_a_column_too(app: Served) -> None:
    for data in ([[1], [2]], [1, 2]):
        inputs = [tensor("x", "FP64", [2, 1], data), tensor("y", "FP64", [2], [0, 0])]
        assert outputs_of(app.post_json(INFER.format("line"), {"inputs": inputs}))["value"] == [3, 5]
    body, headers = packed([("x", "FP64", [[1.0], [2.0]]), ("y", "FP64", [0.0, 0.0])])
    assert outputs_of(app.post(INFER.format("line"), body, headers=headers))["value"] == [3, 5]


def test_null_and_nan_are_missing_where_the_model_knows_missing_values(app: Served) -> None:
    inputs = [tensor("age", "INT64", [2], [2**53 + 1, None]), tensor("height", "FP32", [2], [1, 2])]
    found = app.post_json(INFER.format("gaps"), {"inputs": inputs})
    # The model answers floats, so that 2**53 + 1 is rounded; and `ok`, which may be absent, is missing.
    assert outputs_of(found)["age"] == [2**53, None]
    assert outputs_of(found)["ok"] == [None, None]
    refused = [inputs[0], tensor("height", "FP32", [2], [1, None])]
    problem = app.post_json(INFER.format("gaps"), {"inputs": refused}, status=400).json["errors"][0]
    assert (problem["pointer"], problem["field"], problem["code"]) == ("/inputs/1/data/1", "height", "null")
    for count in (1, 40):
        body, headers = packed([("age", "INT64", [1] * count), ("height", "FP32", [np.nan] * count)])
        problem = app.post(INFER.format("gaps"), body, headers=headers, status=400).json["errors"][0]
        assert (problem["pointer"], problem["field"], problem["code"]) == ("/inputs/1", "height", "null")
        body, headers = packed([("age", "INT64", [1] * count), ("height", "FP32", [np.inf] * count)])
        assert app.post(INFER.format("gaps"), body, headers=headers, status=400).json["errors"][0]["field"] == "height"


def test_a_missing_whole_number_comes_back_in_json_even_where_bytes_are_wanted(app: Served) -> None:
    inputs = [tensor("age", "INT64", [1], [None]), tensor("height", "FP32", [1], [1])]
    found = app.post_json(INFER.format("gaps"), {"inputs": inputs, "parameters": {"binary_data_output": True}})
    outputs = outputs_of(found)
    assert outputs["age"] == [None]
    assert outputs["height"].tolist() == [1]


def test_outputs_are_selected_each_in_its_form(app: Served) -> None:
    wanted = [{"name": "word"}, {"name": "i64", "parameters": {"binary_data": True}}]
    found = app.post_json(INFER.format("scalars"), {"inputs": json_inputs(), "outputs": wanted})
    outputs = outputs_of(found)
    assert list(outputs) == ["word", "i64"]
    assert outputs["i64"].tolist() == VALUES["i64"]
    assert outputs["word"] == VALUES["word"]
    every = app.post_json(INFER.format("scalars"), {"inputs": json_inputs(), "outputs": []})
    assert len(outputs_of(every)) == len(VALUES)
    wanted = [{"name": "i64", "parameters": {"binary_data": False}}]
    parameters = {"binary_data_output": True}
    body = {"inputs": json_inputs(), "outputs": wanted, "parameters": parameters}
    assert app.post_json(INFER.format("scalars"), body).content_type == "application/json"


@pytest.mark.parametrize(
    "outputs",
    [
        [{"name": "none"}],
        [{"name": "value"}, {"name": "value"}],
        [{"name": "value", "parameters": {"classification": 3}}],
        [{"name": "value", "parameters": {"binary_data": 1}}],
        [{"name": "value", "parameters": {"shared_memory_region": "r"}}],
        [{}],
        {"name": "value"},
    ],
)
def test_outputs_that_cannot_be_are_refused(app: Served, outputs: object) -> None:
    inputs = [tensor("x", "FP64", [1], [1]), tensor("y", "FP64", [1], [1])]
    app.post_json(INFER.format("line"), {"inputs": inputs, "outputs": outputs}, status=400)


def test_the_answer_is_that_of_our_own_resource_and_is_kept(app: Served) -> None:
    inputs = [tensor("x", "FP64", [1], [0.1]), tensor("y", "FP64", [1], [0.3])]
    body = {"inputs": inputs, "parameters": {"reference": "order 7", "priority": 3}, "model_name": "ignored"}
    found = app.post_json(INFER.format("line"), body)
    own = app.predict("line", [{"x": 0.1, "y": 0.3}]).json
    assert outputs_of(found)["value"] == [own["outputs"][0]["value"]]
    identity = found.json["parameters"]["prediction_id"]
    assert found.headers["MLServe-Prediction-Id"] == identity
    assert found.json["parameters"] == {"prediction_id": identity, "version": 1, "alias": "champion"}
    kept = app.get(f"/api/v1/models/line/predictions/{identity}").json
    assert kept["outputs"] == own["outputs"]
    assert kept["inputs"] == [{"x": 0.1, "y": 0.3}]
    assert kept["reference"] == "order 7"
    assert kept["asked"] == "alias:champion"


def test_a_version_is_asked_by_its_number_or_by_an_alias(app: Served) -> None:
    body = {"inputs": [tensor("x", "FP64", [1], [1]), tensor("y", "FP64", [1], [1])]}
    by_number = app.post_json("/v2/models/line/versions/1/infer", body).json
    assert "alias" not in by_number["parameters"]
    by_alias = app.post_json("/v2/models/line/versions/champion/infer", body).json
    assert by_alias["parameters"]["alias"] == "champion"
    assert by_alias["model_version"] == by_number["model_version"] == "1"


def test_an_idempotency_key_gets_the_stored_answer_again_in_both_forms(app: Served) -> None:
    headers = {"Idempotency-Key": "the-same", "Content-Type": "application/json"}
    body = json.dumps({"inputs": json_inputs()}).encode()
    first = app.post(INFER.format("scalars"), body, headers=headers)
    again = app.post(INFER.format("scalars"), body, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert msgspec.json.decode(again.body) == msgspec.json.decode(first.body)
    app.post(INFER.format("scalars"), body + b" ", headers=headers, status=422)
    body, headers = packed(binary_inputs(), parameters={"binary_data_output": True})
    headers["Idempotency-Key"] = "bytes"
    answers = [app.post(INFER.format("scalars"), body, headers=headers) for _ in range(2)]
    assert answers[0].body == answers[1].body
    told = [tensor(name, datatype, array.shape, array.tolist()) for name, (datatype, array) in TENSORS.items()]
    told.append(tensor("names", "BYTES", [2, 2], NAMES))
    headers = {"Idempotency-Key": "tensors"}
    answers = [app.post_json(INFER.format("tensors"), {"inputs": told}, headers=headers) for _ in range(2)]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert answers[0].json == answers[1].json
    inputs = [tensor("age", "INT64", [2], [3, None]), tensor("height", "FP32", [2], [1, 2])]
    headers = {"Idempotency-Key": "gaps"}
    answers = [app.post_json(INFER.format("gaps"), {"inputs": inputs}, headers=headers) for _ in range(2)]
    assert answers[0].json == answers[1].json


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bodies_and_answers_are_compressed(app: Served, encoding: str) -> None:
    compress, undo = (gzip.compress, gzip.decompress) if encoding == "gzip" else (zlib.compress, zlib.decompress)
    body, headers = packed(binary_inputs(), parameters={"binary_data_output": True})
    plain = app.post(INFER.format("scalars"), body, headers=headers)
    headers |= {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    # WebTest's own client undoes the encoding.
    request = Request.blank(INFER.format("scalars"), method="POST", body=compress(body), headers=headers)
    found = request.get_response(app.app)
    assert found.headers["Content-Encoding"] == encoding
    assert found.headers["Vary"] == "Accept-Encoding"
    content = undo(found.body)
    length = int(found.headers[LENGTH])
    assert json.loads(content[:length])["outputs"] == json.loads(plain.body[: int(plain.headers[LENGTH])])["outputs"]
    assert content[length:] == plain.body[int(plain.headers[LENGTH]) :]


def test_a_body_that_is_one_tensor(app: Served) -> None:
    headers = {LENGTH: "0", "Content-Type": OCTETS}
    found = app.post(INFER.format("one"), bytes([1, 2, 3, 255]), headers=headers)
    assert found.headers["Content-Type"] == OCTETS
    assert outputs_of(found)["pixels"].tolist() == [[[1, 2], [3, 255]]]
    found = app.post(INFER.format("blob"), b"\x00any bytes\xff", headers=headers)
    assert outputs_of(found)["blob"] == [b"\x00any bytes\xff"]
    app.post(INFER.format("one"), b"\x01", headers=headers, status=400)
    app.post(INFER.format("line"), b"\x01" * 16, headers=headers, status=400)


def test_a_picture_is_its_file_in_every_form(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (5, 3), "red").save(file, "PNG")
    models = {"photo": echo_model(tmp_path, Field("photo", "image", (4, 4, 3)))}
    with serving(settings_of(tmp_path, plugins="mlserve_echo oip", models=models)) as app:
        assert app.get("/v2/models/photo").json["inputs"] == [{"name": "photo", "datatype": "BYTES", "shape": [-1]}]
        whole = app.post(INFER.format("photo"), file.getvalue(), headers={LENGTH: "0", "Content-Type": OCTETS})
        body, headers = packed([("photo", "BYTES", [file.getvalue()])], parameters={"binary_data_output": True})
        assert outputs_of(whole) == outputs_of(app.post(INFER.format("photo"), body, headers=headers))
        assert outputs_of(whole) == {"photo": [file.getvalue()]}
        text = base64.b64encode(file.getvalue()).decode()
        found = app.post_json(INFER.format("photo"), {"inputs": [tensor("photo", "BYTES", [1], [text])]})
        assert outputs_of(found) == {"photo": [text]}
        for broken in (file.getvalue()[:40], b"no picture"):
            body, headers = packed([("photo", "BYTES", [broken])])
            (problem,) = app.post(INFER.format("photo"), body, headers=headers, status=400).json["errors"]
            assert (problem["pointer"], problem["instance"]) == ("/inputs/0", 0)


def test_a_page_of_another_site_cannot_send_a_body(app: Served) -> None:
    body = json.dumps({"inputs": [tensor("x", "FP64", [1], [1]), tensor("y", "FP64", [1], [1])]}).encode()
    app.request(INFER.format("line"), method="POST", body=body)  # Without any type, as some clients do.
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    found = app.request(INFER.format("line"), method="POST", body=body, headers=elsewhere, expect_errors=True)
    assert found.status_int == 415
    for path in ("/v2/repository/models/line/unload", "/v2/repository/index"):
        headers = {**elsewhere, "Content-Type": "text/plain"}
        found = app.request(path, method="POST", body=b"", headers=headers, expect_errors=True)
        assert found.status_int == 415


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("matrix")
    fields = (
        Field("a", "float32", nullable=True),
        Field("b", "int64", nullable=True),
        Field("c", "bool"),
    )
    models = {
        "wide": echo_model(folder, *fields, name="wide"),
        "narrow": echo_model(folder, Field("a", "float32"), Field("b", "int8"), name="narrow"),
        "words": echo_model(folder, *SCALARS, name="words"),
    }
    keys = settings_of(folder, plugins="mlserve_echo oip", models=models, oip__matrix="*")
    with serving(keys) as served:
        yield served


def test_a_model_that_is_a_matrix(matrix: Served) -> None:
    told = matrix.get("/v2/models/wide").json
    assert told["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 3]}]
    assert matrix.get("/v2/models/narrow").json["inputs"][0] == {"name": "input", "datatype": "FP32", "shape": [-1, 2]}
    assert len(matrix.get("/v2/models/words").json["inputs"]) == len(SCALARS)
    rows = [[0.5, 2**53, 1], [None, -3, 0]]
    found = matrix.post_json(INFER.format("wide"), {"inputs": [tensor("input", "FP64", [2, 3], rows)]})
    outputs = outputs_of(found)
    assert outputs == {"a": [0.5, None], "b": [2**53, -3], "c": [True, False]}
    array = np.array([[0.5, 7, 1], [np.nan, -3, 0]])
    body, headers = packed([("input", "FP64", array)])
    assert outputs_of(matrix.post(INFER.format("wide"), body, headers=headers)) == {
        "a": [0.5, None],
        "b": [7, -3],
        "c": [True, False],
    }
    flat = [value for row in rows for value in row]
    flat[4] = 1.5
    refused = matrix.post_json(
        INFER.format("wide"), {"inputs": [tensor("input", "FP64", [2, 3], flat)]}, status=400
    ).json["errors"]
    assert [(one["pointer"], one["field"], one["instance"]) for one in refused] == [("/inputs/0/data/4", "b", 1)]
    flat[4], flat[5] = 1, 2
    refused = matrix.post_json(
        INFER.format("wide"), {"inputs": [tensor("input", "FP64", [2, 3], flat)]}, status=400
    ).json["errors"]
    assert [(one["pointer"], one["field"]) for one in refused] == [("/inputs/0/data/5", "c")]


def test_a_client_that_sends_a_matrix_is_told_what_to_change(app: Served, matrix: Served) -> None:
    sent = {"inputs": [tensor("predict", "FP32", [1, 2], [1, 2])], "outputs": [{"name": "predict"}]}
    said = app.post_json(INFER.format("line"), {"inputs": sent["inputs"]}, status=400).json["error"]
    assert "One tensor of all 2 is taken where the INI says so: mlserve.oip.matrix." in said
    said = app.post_json(INFER.format("scalars"), {"inputs": sent["inputs"]}, status=400).json["error"]
    assert "mlserve.oip.matrix" not in said
    told = matrix.post_json(INFER.format("wide"), {"inputs": sent["inputs"]}, status=400).json["errors"]
    assert [one["expected"] for one in told[:2]] == ["input, the one input", "FP64"]
    told = matrix.post_json(INFER.format("narrow"), sent, status=400).json["errors"]
    assert (told[0]["pointer"], told[0]["expected"]) == ("/outputs/0/name", "one of a, b")


def test_a_body_of_another_protocol_is_told_which_member_is_missing(app: Served) -> None:
    answer = app.post_json(INFER.format("line"), {"instances": [[1, 2]]}, status=400).json
    assert answer["error"].endswith("body: expected the member inputs, got nothing")
    answer = app.post_json(INFER.format("line"), {"inputs": [{"name": "x", "shape": [1]}]}, status=400).json
    assert [(one["pointer"], one["expected"]) for one in answer["errors"]] == [("/inputs/0", "the member datatype")]


def test_a_whole_body_can_be_one_row_of_a_matrix(matrix: Served) -> None:
    row = np.array([0.5, 3], np.float32).tobytes()
    found = matrix.post(INFER.format("narrow"), row, headers={LENGTH: "0", "Content-Type": OCTETS})
    outputs = outputs_of(found)
    assert outputs["a"].tolist() == [0.5]
    assert outputs["b"].tolist() == [3]


def test_a_datatype_is_the_declared_one(app: Served) -> None:
    y = tensor("y", "FP64", [1], [1])
    for datatype, told in (("BF16", "BF16"), ("FP65", "'FP65', no datatype"), ("INT64", "INT64")):
        answer = app.post_json(INFER.format("line"), {"inputs": [tensor("x", datatype, [1], [1]), y]}, status=400).json
        assert [(one["expected"], one["got"]) for one in answer["errors"]] == [("FP64", told)]


def test_a_reference_is_a_text(app: Served) -> None:
    inputs = [tensor("x", "FP64", [1], [1]), tensor("y", "FP64", [1], [1])]
    body = {"inputs": inputs, "parameters": {"reference": 7}}
    assert app.post_json(INFER.format("line"), body, status=400).json["errors"][0]["pointer"] == "/parameters/reference"
    app.post_json(INFER.format("line"), {**body, "parameters": {"reference": "x" * 300}}, status=400)
    app.post_json(INFER.format("line"), {**body, "parameters": {"reference": "a\0b"}}, status=400)


def test_all_of_what_is_wrong_is_told_at_once_with_its_places(app: Served) -> None:
    inputs = [
        tensor("x", "FP32", [1], [1]),
        tensor("z", "FP64", [1], [1]),
        tensor("y", "FP64", [1, 2], [1, 2]),
    ]
    answer = app.post_json(INFER.format("line"), {"inputs": inputs}, status=400).json
    assert [(one["pointer"], one["code"]) for one in answer["errors"]] == [
        ("/inputs/0/datatype", "datatype"),
        ("/inputs/1/name", "unknown_field"),
        ("/inputs/2/shape", "shape"),
    ]
    assert "/inputs/0/datatype (x): expected FP64, got FP32" in answer["error"]


def test_limits_hold(tmp_path: Path) -> None:
    with serving(settings(tmp_path, limits__instances="3")) as app:
        many = [tensor("x", "FP64", [4], [1] * 4), tensor("y", "FP64", [4], [1] * 4)]
        assert app.post_json(INFER.format("line"), {"inputs": many}, status=413).json["code"] == "too_large"
