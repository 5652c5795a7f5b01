"""Every failure has one shape, and every domain error a status of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyramid import httpexceptions
from pyramid.config import Configurator

from mlserve import errors
from mlserve.api.problems import CODE_OF, INTERNAL, STATUS_OF
from mlserve.errors import MlserveError, Problem
from tests.factories import Served, linear_model, serving, settings_of

DOMAIN = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MlserveError)]
# The statuses of the contract that something here can cause; keys, aliases and rates bring 401, 403, 412, 428 and 429.
STATUSES = {400, 404, 405, 406, 409, 413, 415, 422, 500, 503}


def raise_it(request: Any) -> Any:
    name = request.matchdict["name"]
    if name == "unexpected":
        raise ZeroDivisionError("secret of the machine")
    if name == "encoding":
        b"\xff".decode()
    if name.isdigit():
        raise httpexceptions.exception_response(int(name))
    if name == "NotText":
        raise errors.Invalid("no \udcff text", problems=[Problem("type", "a text", "a\ud800b")])
    kind = next(kind for kind in DOMAIN if kind.__name__ == name)
    problem = Problem("type", "a number", '"a"', "/instances/0/x", 0, "x")
    raise kind("what went wrong", problems=[problem], more=True, retry_after=7)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    def configure(config: Configurator) -> None:
        config.add_route("raise", "/api/v1/raise/{name}")
        config.add_view(raise_it, route_name="raise")

    with serving(settings_of(tmp_path_factory.mktemp("problems"), models={}), configure) as served:
        yield served


def test_every_domain_error_has_a_code_of_its_own_with_a_status() -> None:
    codes = [kind.code for kind in DOMAIN if kind is not errors.PluginFailed]  # A kind of ConfigurationError.
    assert len(set(codes)) == len(codes) > 15
    assert set(codes) == set(STATUS_OF)


def test_every_status_of_the_contract_is_reached_by_some_failure() -> None:
    assert set(STATUS_OF.values()) | set(CODE_OF) >= STATUSES
    assert {400, 404, 405, 406, 413, 415} <= set(CODE_OF)


def test_what_is_no_text_is_told_as_far_as_it_is(app: Served) -> None:
    """A plugin's own words may hold bytes of the caller's."""
    answer = app.get("/api/v1/raise/NotText", status=422)
    assert (answer.json["detail"], answer.json["errors"][0]["got"]) == ("no ? text", "a?b")


@pytest.mark.parametrize("kind", DOMAIN, ids=lambda kind: kind.__name__)
def test_a_domain_error_arrives_with_its_status_code_and_problems(app: Served, kind: type[MlserveError]) -> None:
    status = STATUS_OF[kind.code]
    answer = app.get(f"/api/v1/raise/{kind.__name__}", status=status)
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "7"
    body = answer.json
    assert (body["code"], body["status"]) == (kind.code, status)
    assert body["type"] == f"urn:mlserve:problem:{kind.code}"
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert body["more"] is True
    assert body["errors"] == [
        {"pointer": "/instances/0/x", "instance": 0, "field": "x", "code": "type", "expected": "a number", "got": '"a"'}
    ]
    shown = status != 500 or kind is errors.PredictionFailed
    assert body["detail"] == ("what went wrong" if shown else INTERNAL)


@pytest.mark.parametrize("name", ["unexpected", "encoding"])
def test_what_nobody_expected_is_a_500_without_internals_and_in_the_log(
    app: Served, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = app.get(f"/api/v1/raise/{name}", status=500)
    assert answer.json["code"] == "internal"
    assert answer.json["detail"] == INTERNAL
    assert "secret" not in answer.text
    (record,) = [record for record in caplog.records if record.message == "request_failed"]
    assert record.exc_info is not None
    assert record.fields == {"method": "GET", "path": f"/api/v1/raise/{name}"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", sorted(CODE_OF))
def test_pyramid_s_own_failures_have_the_same_shape(app: Served, status: int) -> None:
    answer = app.get(f"/api/v1/raise/{status}", status=status)
    assert answer.content_type == "application/problem+json"
    assert answer.json["code"] == CODE_OF[status]


def test_a_404_of_ours_says_what_is_missing_and_pyramid_s_own_says_no_internals(tmp_path: Path) -> None:
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)})) as app:
        missing = app.get("/api/v1/models/line/nothing", status=404).json
        assert missing["detail"] == "Model line, of family linear, has no such resource."
        assert missing["code"] == "not_found"
        detail = app.get("/nowhere", status=404).json["detail"]
        assert detail == "There is nothing at this address; /api/v1/models lists the models."


def test_other_statuses_have_a_code_too_and_a_redirect_stays_one(app: Served) -> None:
    assert app.get("/api/v1/raise/410", status=410).json["code"] == "http_error"
    assert app.get("/api/v1/raise/501", status=501).json["code"] == "internal"
    assert app.get("/api/v1/raise/302", status=302).content_type != "application/problem+json"


def test_a_problem_is_json_whatever_the_sentence_holds(app: Served) -> None:
    answer = app.get("/api/v1/models/%22%5C%0A%F0%9F%98%80", status=404)
    assert json.loads(answer.body)["code"] == "model_unknown"


def test_a_refusal_is_a_4xx_and_every_other_error_a_5xx() -> None:
    assert {kind.code for kind in DOMAIN if kind.refusal} == {code for code, n in STATUS_OF.items() if n < 500}
