"""A protocol that is not ours: its failures have its own shape, and its predictions are like all others."""

import base64
import gzip
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mlserve_echo import EchoFamily, echo_model
from pyramid.config import Configurator
from webtest import TestApp

from mlserve.bundles import BundleStore, archive
from mlserve.cli.routes import routes
from mlserve.errors import ConfigurationError
from mlserve.registry.bringing import pack_artefact
from mlserve.signature import Field
from mlserve.startup import build
from tests.factories import Served, linear_model, serving, settings_of
from tests.functional.callers import bearer, make_key
from tests.functional.registering import move, register, until_answers

# The same each time: a body stands in its test's name.
packed = partial(gzip.compress, mtime=0)

TEXT = {"Content-Type": "text/plain"}
COUNT = "/abacus/line:count"


def settings(folder: Path, **more: str) -> dict[str, str]:
    models = {
        "line": linear_model(folder),
        "broken": linear_model(folder, "broken", fail=1.0),
        "mute": linear_model(folder, "mute", explanation="no"),
    }
    return settings_of(folder, models=models, **more) | {"mlserve.plugins": "mlserve_linear mlserve_abacus"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("protocol")
    with serving(settings(folder, limits__body="2KiB", limits__instances="5")) as it:
        yield it


def kept(app: Served, model: str = "line") -> list[Any]:
    found: list[Any] = app.get(f"/api/v1/models/{model}/predictions").json["predictions"]
    return found


def told(answer: Any, code: str) -> str:
    """That the failure is told as the protocol tells it, and by which words."""
    assert answer.content_type == "text/plain"
    assert answer.text.startswith(f"! {code} | ")
    assert answer.headers["X-Request-Id"]
    return str(answer.text)


def test_a_prediction_is_kept_and_measured_as_every_other(app: Served) -> None:
    answer = app.post(COUNT, "1 2\n3 4\n", headers={**TEXT, "X-Request-Id": "one"})
    assert answer.text == "1\n3\n"
    record = app.get(f"/api/v1/models/line/predictions/{answer.headers['MLServe-Prediction-Id']}").json
    assert record["inputs"] == [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]
    assert (record["asked"], record["alias"], record["version"]) == ("alias:champion", "champion", 1)
    assert record["request_id"] == "one"
    measured = app.application.metrics.read()
    assert ("/abacus/{model}:count", "POST", "200") in dict(measured.counters["mlserve_http_requests_total"])
    assert dict(measured.counters["mlserve_prediction_instances_total"])["line", "1"] >= 2


@pytest.mark.parametrize(
    ("address", "asked", "alias"),
    [
        ("/abacus/line/versions/1:count", "version:1", None),
        ("/abacus/line/aliases/champion:count", "alias:champion", "champion"),
        ("/beads", "alias:champion", "champion"),
    ],
)
def test_a_version_is_asked_by_number_by_alias_and_by_the_protocol_s_own_choice(
    app: Served, address: str, asked: str, alias: str | None
) -> None:
    answer = app.post(address, "1 2\n", headers=TEXT)
    record = app.get(f"/api/v1/models/line/predictions/{answer.headers['MLServe-Prediction-Id']}").json
    assert (record["asked"], record["alias"]) == (asked, alias)


@pytest.mark.parametrize(
    ("method", "address", "body", "headers", "status", "code"),
    [
        ("POST", "/abacus/none:count", "1 2", {}, 404, "model_unknown"),
        ("POST", "/abacus/line/versions/7:count", "1 2", {}, 404, "version_unknown"),
        ("POST", "/abacus/line/versions/x:count", "1 2", {}, 404, "version_unknown"),
        ("POST", "/abacus/line/aliases/none:count", "1 2", {}, 404, "alias_unknown"),
        ("GET", "/abacus", "", {}, 404, "not_found"),
        ("POST", "/abacus/nothing/at/all", "1 2", {}, 404, "not_found"),
        ("GET", COUNT, "", {}, 405, "method_not_allowed"),
        ("PATCH", "/beads", "1 2", {}, 405, "method_not_allowed"),
        ("POST", COUNT, "1 2", {"Accept": "image/png"}, 406, "not_acceptable"),
        ("POST", COUNT, "1 2\n" * 1000, {}, 413, "too_large"),
        ("POST", COUNT, "1 2\n" * 6, {}, 413, "too_large"),
        ("POST", COUNT, "{}", {"Content-Type": "application/json"}, 415, "unsupported_media_type"),
        ("POST", COUNT, "1 2", {"Content-Encoding": "br"}, 415, "unsupported_media_type"),
        ("POST", COUNT, "1 2", {"Content-Encoding": "gzip"}, 400, "unreadable"),
        ("POST", COUNT, "1 2", {"Idempotency-Key": "a b"}, 400, "unreadable"),
        ("POST", COUNT, "1 a", {}, 422, "invalid"),
        ("POST", "/abacus/mute:count?explain", "1 2", {}, 409, "not_supported"),
        ("POST", "/abacus/broken:count", "1", {}, 500, "prediction_failed"),
        ("POST", "/abacus/%ff", "1 2", {}, 400, "unreadable"),
        ("GET", "/abacus/%ff/%fe", "", {}, 400, "unreadable"),
    ],
)
def test_every_failure_is_told_in_the_protocol_s_shape(
    app: Served, method: str, address: str, body: str, headers: dict[str, str], status: int, code: str
) -> None:
    before = len(kept(app))
    answer = app.request(address, method=method, body=body.encode(), headers={**TEXT, **headers}, status=status)
    text = told(answer, code)
    assert "secret" not in text
    assert len(kept(app)) == before
    assert ("Allow" in answer.headers) == (status == 405)
    assert ("/0/y" in text) == (status == 422)


def test_a_browser_is_told_in_the_protocol_s_shape_too(app: Served) -> None:
    told(app.get("/abacus/none", headers={"Accept": "text/html"}, status=404), "not_found")


@pytest.mark.parametrize("address", ["/abacusx", "/beads/more", "/Abacus/line:count"])
def test_addresses_that_nobody_claims_stay_ours(app: Served, address: str) -> None:
    assert app.get(address, status=404).content_type == "application/problem+json"


def test_a_protocol_that_fails_to_tell_is_named_in_the_log(app: Served, caplog: pytest.LogCaptureFixture) -> None:
    answer = app.post("/abacus/none:count", "1 2", headers={**TEXT, "X-Break": "1"}, status=404)
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == "model_unknown"
    (record,) = [record for record in caplog.records if record.message == "protocol_failed"]
    assert record.fields["protocol"] == "abacus"  # type: ignore[attr-defined]
    assert record.fields["plugin"].startswith("mlserve_abacus")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", packed(b"1 2\n")),
        ("gzip", packed(b"1 ") + packed(b"2\n")),
        ("deflate", zlib.compress(b"1 2\n")),
        ("deflate", zlib.compress(b"1 2\n", wbits=-15)),
        ("identity", b"1 2\n"),
    ],
)
def test_a_compressed_body_is_read(app: Served, encoding: str, body: bytes) -> None:
    answer = app.post(COUNT, body, headers={**TEXT, "Content-Encoding": encoding})
    assert answer.text == "1\n"


def test_a_body_that_would_become_too_large_is_not_inflated(app: Served) -> None:
    bomb = packed(b"1 2\n" * 1_000_000, compresslevel=9)[:2000]
    told(
        app.post(COUNT, packed(b"1" * 100_000), headers={**TEXT, "Content-Encoding": "gzip"}, status=413),
        "too_large",
    )
    told(app.post(COUNT, bomb, headers={**TEXT, "Content-Encoding": "gzip"}, status=413), "too_large")


def test_an_idempotency_key_is_answered_once(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        headers = {**TEXT, "Idempotency-Key": "k"}
        first, second = (app.post(COUNT, "1 2\n", headers=headers) for _ in range(2))
        assert second.text == first.text
        assert second.headers["MLServe-Prediction-Id"] == first.headers["MLServe-Prediction-Id"]
        assert (second.headers["Idempotency-Replayed"], len(kept(app))) == ("true", 1)
        told(app.post(COUNT, "1 3\n", headers=headers, status=422), "idempotency_key_reused")


BLOB = base64.b64encode(b"\x00\xff").decode()
ASKED = {
    "/v2/models/line/infer": {
        "inputs": [
            {"name": "n", "datatype": "INT64", "shape": [2], "data": [7, 8]},
            {"name": "blob", "datatype": "BYTES", "shape": [2], "data": [BLOB, BLOB]},
        ]
    },
    "/v1/models/line:predict": {"instances": [{"n": 7, "blob": {"b64": BLOB}}, {"n": 8, "blob": {"b64": BLOB}}]},
    "/invocations": {"dataframe_split": {"columns": ["n", "blob"], "data": [[7, BLOB], [8, BLOB]]}},
}


@pytest.mark.parametrize("address", ASKED)
def test_a_stored_answer_is_told_as_by_the_version_that_made_it(tmp_path: Path, address: str) -> None:
    """Between the two the alias has moved to a version with one output more."""
    fields = (Field("n", "int64"), Field("blob", "bytes"))
    wider = echo_model(tmp_path, *fields, Field("more", "float32", required=False), name="wider")
    manifest = pack_artefact(EchoFamily(), wider, store := BundleStore(tmp_path / "packed"))
    archive.write(store.open(manifest.digest), bundle := tmp_path / "wider.mlbundle")
    models = {"line": echo_model(tmp_path, *fields, name="line")}
    with serving(settings_of(tmp_path, models=models) | {"mlserve.plugins": "mlserve_echo oip v1 scoring"}) as app:
        register(app, bundle)
        headers = {"Idempotency-Key": "k"}
        first = app.post_json(address, ASKED[address], headers=headers)
        move(app, 2)
        until_answers(app, 2)
        second = app.post_json(address, ASKED[address], headers=headers)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert second.json == first.json
        assert app.post_json(address, ASKED[address]).json != first.json


def test_a_form_of_another_site_s_page_is_refused(app: Served) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    told(app.post(COUNT, "1 2", headers={**elsewhere, "Content-Type": ""}, status=415), "unsupported_media_type")


def test_keys_are_asked_for_and_tell_in_the_protocol_s_shape(tmp_path: Path) -> None:
    with serving(settings(tmp_path, auth__enabled="true", auth__interval="20ms")) as app:
        refused = app.post(COUNT, "1 2", headers=TEXT, status=401)
        told(refused, "unauthenticated")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
        looks = bearer(make_key(app.application, "observe"))
        told(app.post(COUNT, "1 2", headers={**TEXT, **looks}, status=403), "forbidden")
        other = bearer(make_key(app.application, "predict", models=["mute"], name="other"))
        told(app.post(COUNT, "1 2", headers={**TEXT, **other}, status=403), "forbidden")
        told(app.post("/beads", "1 2", headers={**TEXT, **other}, status=403), "forbidden")


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with serving(settings(tmp_path, auth__enabled="true", auth__rate="1", auth__burst="1")) as app:
        mine = {**TEXT, **bearer(make_key(app.application, "predict", models=["line"], name="mine"))}
        answers = [app.post("/beads", "1 2", headers=mine, status="*") for _ in range(3)]
        assert answers[0].status_int == 200
        limited = next(answer for answer in answers if answer.status_int == 429)
        told(limited, "rate_limited")
        assert int(limited.headers["Retry-After"]) >= 1


def test_a_model_that_is_not_ready_is_503(tmp_path: Path) -> None:
    with serving(settings(tmp_path)) as app:
        app.application.live.get("line").loaded().close()
        answer = app.post(COUNT, "1 2", headers=TEXT, status=503)
        told(answer, "model_not_ready")
        assert answer.headers["Retry-After"]


def test_behind_a_prefix_the_addresses_move_with_it(tmp_path: Path) -> None:
    with Configurator(settings=settings(tmp_path)) as config:
        config.include("mlserve", route_prefix="ml")
    app = TestApp(config.make_wsgi_app())
    try:
        assert app.post("/ml/abacus/line:count", "1 2", headers=TEXT).text == "1\n"
        told(app.post("/ml/abacus/none:count", "1 2", headers=TEXT, status=404), "model_unknown")
        assert "X-Request-Id" not in app.post(COUNT, "1 2", headers=TEXT, status=404).headers
    finally:
        config.registry.mlserve.stop()


def test_the_openapi_document_leaves_protocols_to_those_who_describe_them(app: Served) -> None:
    assert not [path for path in app.get("/api/v1/openapi.json").json["paths"] if "abacus" in path or "beads" in path]


def test_its_addresses_are_listed_behind_those_of_the_models(tmp_path: Path) -> None:
    lines = [f"{key} = {value}" for key, value in settings(tmp_path).items()]
    (ini := tmp_path / "server.ini").write_text("[app:main]\nuse = egg:pyramid-mlserve\n" + "\n".join(lines))
    rows = [line.split() for line in CliRunner().invoke(routes, [str(ini)]).stdout.splitlines()]
    assert rows[-4:] == [
        ["any", "POST", "/abacus/{model}/aliases/{alias}:count", "abacus.alias"],
        ["any", "POST", "/beads", "abacus.beads"],
        ["any", "POST", "/abacus/{model}:count", "abacus.count"],
        ["any", "POST", "/abacus/{model}/versions/{version}:count", "abacus.version"],
    ]


def refused(folder: Path, configure: Any, words: str) -> None:
    config = build(settings(folder), here=None)
    with pytest.raises(Exception, match=words) as error:
        configure(config)
        config.commit()
    cause = getattr(error.value, "evalue", error.value)
    assert isinstance(cause, ConfigurationError)


def tell(request: Any, failure: Any) -> Any:
    raise AssertionError


@pytest.mark.parametrize(
    ("prefix", "exact", "words"),
    [
        ("/abacus/more", False, "/abacus/more for the protocol other, and mlserve_abacus .* /abacus for"),
        ("/beads", False, "enable one of the two|claims"),
        ("/api/v1/models", False, "/api/v1/ is the core's"),
        ("/api", False, "is the core's"),
        ("/health", False, "/health/live is the core's"),
        ("/models", False, "/models/ is the core's"),
        ("/models/{name}", True, "/models/ is the core's"),
        ("/login", True, "/login is the core's"),
        ("/", True, "begins with a slash"),
        ("/v9/", False, "begins with a slash"),
        ("v9", False, "begins with a slash"),
        ("/v9/{model}", False, "placeholders only where it is exact"),
    ],
)
def test_an_address_of_somebody_else_is_refused_in_one_sentence(
    tmp_path: Path, prefix: str, exact: bool, words: str
) -> None:
    refused(tmp_path, lambda config: config.add_protocol("other", prefix, tell, exact=exact), words)


def test_an_address_between_the_core_s_is_free(tmp_path: Path) -> None:
    config = build(settings(tmp_path), here=None)
    config.add_protocol("other", "/health", tell, exact=True)
    config.add_protocol("other", "/models/{model}/invoke", tell, exact=True)
    config.commit()
