"""The plugin in an application: what it claims, and how its settings are refused."""

import json
from pathlib import Path

import pytest
from oip_requests import settings, tensor

from mlserve.errors import ConfigurationError
from mlserve.signature import Field, OutputField, Signature
from mlserve.startup import build
from mlserve.testing import Served, serving
from mlserve_oip.presentation import misnamed


def test_two_protocols_of_one_address_are_refused_at_the_start(tmp_path: Path) -> None:
    keys = {"mlserve.plugins": "oip", "mlserve.var": str(tmp_path)}

    def claim(config) -> None:
        config.add_protocol("other", "/v2/models", lambda request, failure: None)

    config = build(keys, here=None)
    claim(config)
    with pytest.raises(Exception, match="enable one of the two"):
        config.make_wsgi_app()


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status"),
    [
        ("GET", "/v2/nothing", b"", "", 404),
        ("GET", "/v2/models/none", b"", "", 404),
        ("GET", "/v2/models/line/versions/9", b"", "", 404),
        ("GET", "/v2/models/line/versions/none", b"", "", 404),
        ("GET", "/v2/models/%ff", b"", "", 400),
        ("GET", "/v2/models/line/infer", b"", "", 405),
        ("PUT", "/v2", b"", "", 405),
        ("POST", "/v2/models/line/infer", b"{", "application/json", 400),
        ("POST", "/v2/models/line/infer", b"", "application/json", 400),
        ("POST", "/v2/models/line/infer", b"{}", "application/json", 400),
        ("POST", "/v2/models/line/infer", b'{"inputs":[]}', "application/json", 400),
        ("POST", "/v2/models/line/infer", b'{"inputs":"x"}', "text/plain", 415),
        ("POST", "/v2/models/line/infer", b'{"inputs":' + b"[" * 3900, "application/json", 400),
        ("POST", "/v2/models/line/infer", b"x" * 5000, "application/json", 413),
        ("POST", "/v2/models/broken/infer", b'{"inputs":[%s]}', "application/json", 500),
    ],
)
def test_every_failure_has_the_protocols_shape(
    small: Served, method: str, path: str, body: bytes, content_type: str, status: int
) -> None:
    if b"%s" in body:
        body %= json.dumps(tensor("fail", "FP64", [1], [1.0])).encode()
    headers = {"Content-Type": content_type} if content_type else {}
    found = small.request(path, method=method, body=body, headers=headers, expect_errors=True)
    assert found.status_int == status
    assert found.headers["Content-Type"] == "application/json"
    assert isinstance(found.json["error"], str)
    assert found.json["error"]
    assert "secret" not in found.text


def test_accept_that_rules_every_answer_out_is_refused_in_the_same_shape(small: Served) -> None:
    found = small.get("/v2", headers={"Accept": "image/png"}, status=406)
    assert found.headers["Content-Type"] == "application/json"
    assert isinstance(found.json["error"], str)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory):
    from tests.factories import linear_model

    folder = tmp_path_factory.mktemp("small")
    keys = settings(folder, limits__body="4000B", models__broken=str(linear_model(folder, "broken", fail=1.0)))
    with serving(keys) as served:
        yield served


def test_an_answer_that_breaks_is_counted_and_leaves_nothing_in_the_log(small: Served) -> None:
    small.post_json("/v2/models/broken/infer", {"inputs": [tensor("fail", "FP64", [1], [1])]}, status=500)
    assert small.get("/api/v1/models/broken/predictions").json["predictions"] == []


def test_the_matrix_is_a_list_of_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"mlserve\.oip\.matrx"):
        build({"mlserve.plugins": "oip", "mlserve.var": str(tmp_path), "mlserve.oip.matrx": "line"}, here=None)


def test_the_matrix_names_models_that_can_be_one() -> None:
    numbers = Signature((Field("x", "float64"),), (OutputField("value", "float64"),))
    words = Signature((Field("x", "float64"), Field("word", "string")), numbers.outputs)
    grid = Signature((Field("grid", "float32", (2, 3)),), numbers.outputs)
    models = {"line": {"champion": numbers, "next": None}, "words": {"champion": words}, "grid": {"champion": grid}}
    assert list(misnamed(["*", "line"], models)) == []
    assert list(misnamed(["lien", "words", "grid"], models)) == [
        "mlserve.oip.matrix names 'lien', which is no model here; did you mean 'line'?",
        "mlserve.oip.matrix names 'words', whose input 'word' is string: it is no matrix and keeps its fields.",
        "mlserve.oip.matrix names 'grid', whose input 'grid' is a tensor of float32: "
        "it is no matrix and keeps its fields.",
    ]


def test_an_address_of_nothing_says_where_the_models_are(small: Served) -> None:
    assert "GET /v2/models lists the models" in small.post_json("/v2/models/line/predict", {}, status=404).json["error"]
