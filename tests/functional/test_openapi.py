"""The OpenAPI document: valid, of the very models that are live, and true of them."""

import json
import logging
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from pyramid.config import Configurator
from webtest import TestApp

from mlserve.api.operations import Operation
from mlserve.api.resources import ModelResource
from mlserve.inference import LiveModel
from tests.factories import Served, linear_model, serving, settings_of

DEMO = Path(__file__).parents[2] / "examples" / "flight_delay" / "flight-delay.ubj"
ALL = "/api/v1/openapi.json"
FIELDS = [
    {"name": "x", "minimum": -1, "maximum": 1, "unit": "m", "description": "Height.", "example": 0.5},
    {"name": "secret", "keep": "hash", "nullable": True},
    {"name": "hidden", "keep": "omit", "required": False},
    {"name": "late", "minimum": 3, "type": "int32"},
]


def measured_model(folder: Path) -> Path:
    """A linear model with ranges, units, and fields that are not kept."""
    path = linear_model(folder, "measured", x=1.0, secret=1.0, hidden=1.0, late=1.0)
    path.with_name(path.name + ".signature.json").write_text(json.dumps({"inputs": FIELDS}))
    return path


def models_of(folder: Path) -> dict[str, str]:
    models = {"flight-delay": DEMO, "line": linear_model(folder), "measured": measured_model(folder)}
    return {**settings_of(folder, models=models), "mlserve.plugins": "mlserve_linear xgboost"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(models_of(tmp_path_factory.mktemp("openapi"))) as served:
        yield served


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """An application whose models a test may change."""
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)})) as served:
        yield served


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            yield verb, path, operation


def fits(document: dict[str, Any], path: str, verb: str, answer: Any) -> list[str]:
    """What is wrong with an answer by the document's schema of the 200."""
    schema = document["paths"][path][verb]["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    return [error.message for error in OAS31Validator(whole).iter_errors(answer)]


def test_it_is_valid_and_has_every_model_s_own_addresses(app: Served) -> None:
    document = app.get(ALL).json
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": "/"}]
    paths = document["paths"]
    for name in ("flight-delay", "line", "measured"):
        assert {"get", "post"} == set(paths[f"/api/v1/models/{name}/predictions"])
    assert "/api/v1/models/flight-delay/importance" in paths
    assert "/api/v1/models/line/importance" not in paths
    assert {"/api/v1/models", ALL, "/health/live", "/health/ready", "/metrics"} <= set(paths)
    assert not [path for path in paths if "{model}" in path]
    identities = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(identities) == len(set(identities)) > 25
    assert [tag["name"] for tag in document["tags"]] == ["flight-delay", "line", "measured", "Server"]


def test_components_are_called_by_words_that_generated_clients_can_use(app: Served) -> None:
    components = app.get(ALL).json["components"]
    own = {name.partition(".")[::2] for name in components["schemas"] if "." in name}
    assert {model for model, _ in own} == {"flight-delay", "line", "measured"}
    names = {name for _, name in own} | {name for name in components["schemas"] if "." not in name}
    assert {"problem", "problem_item", "models", "readiness", "check"} <= names
    assert {"instance", "kept_instance", "outputs", "prediction_with_actuals"} <= names
    assert not [name for name in (*names, *components["headers"]) if not re.fullmatch("[a-z]+(_[a-z]+)*", name)]


def test_one_model_s_document_has_that_model_only(app: Served) -> None:
    document = app.get("/api/v1/models/line/openapi.json").json
    validate(document)
    assert all(path.startswith("/api/v1/models/line") for path in document["paths"])
    assert document["info"]["title"] == "line"
    unknown = app.get("/api/v1/models/lin/openapi.json", status=404)
    assert unknown.json["code"] == "model_unknown"


def test_fields_have_their_types_ranges_categories_and_units(app: Served) -> None:
    schemas = app.get(ALL).json["components"]["schemas"]
    flight = schemas["flight-delay.instance"]
    assert flight["properties"]["origin"]["enum"] == ["EWR", "JFK", "LGA"]
    assert flight["properties"]["temp"]["type"] == ["number", "null"]
    assert "temp" not in flight["required"]
    assert schemas["flight-delay.outputs"]["properties"]["label"]["enum"] == ["on_time", "late"]
    measured = schemas["measured.instance"]["properties"]
    assert measured["x"] == {
        "type": "number",
        "format": "double",
        "minimum": -1,
        "maximum": 1,
        "description": "Height. Unit: m.",
        "x-unit": "m",
        "examples": [0.5],
    }
    assert measured["late"]["minimum"] == 3
    assert schemas["measured.instance"]["required"] == ["x", "secret", "late"]
    assert schemas["measured.instance"]["additionalProperties"] is False


def test_every_example_of_every_operation_works_as_it_stands(app: Served) -> None:
    document = app.get(ALL).json
    sent = []
    for verb, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in content:
            model = path.split("/")[4]
            made = app.post_json(f"/api/v1/models/{model}/predictions", _example(document, model)).json
            address = path.replace("{id}", made["id"])
            answer = getattr(app, f"{verb}_json")(address, content["example"], status=200).json
            assert fits(document, path, verb, answer) == []
            assert answer.get("refused", 0) == (1 if path.endswith("/actuals") and verb == "post" else 0)
            sent.append((verb, path.removeprefix(f"/api/v1/models/{model}")))
    assert len(sent) == 3 * len(set(sent))
    # What an example of a change names is there or not; of keys and users there are none while nobody needs them.
    bodies = {
        (verb, path)
        for verb, path, operation in operations(document)
        if "requestBody" in operation and not {"versions", "aliases", "keys", "users"} & {*path.split("/")}
    }
    assert {path for _, path in bodies} - {path for _, path in bodies if path.endswith("/review")} == {
        f"/api/v1/models/{model}{path}" for model in ("flight-delay", "line", "measured") for _, path in sent
    }


def _example(document: dict[str, Any], model: str) -> dict[str, Any]:
    post = document["paths"][f"/api/v1/models/{model}/predictions"]["post"]
    example: dict[str, Any] = post["requestBody"]["content"]["application/json"]["example"]
    return example


def test_what_is_not_kept_is_described_as_it_is_kept(app: Served) -> None:
    document = app.get(ALL).json
    body = {"instances": [{"x": 0, "secret": 4, "late": 3, "hidden": 1}, {"x": 1, "secret": None, "late": 3}]}
    made = app.post_json("/api/v1/models/measured/predictions", body)
    kept = app.get(made.headers["Content-Location"]).json
    path = "/api/v1/models/measured/predictions/{id}"
    assert made.json["warnings"][0]["code"] == "non_finite"
    assert fits(document, "/api/v1/models/measured/predictions", "post", made.json) == []
    assert fits(document, path, "get", kept) == []
    for wrong in ({"secret": 4}, {"late": "3"}, {"x": None}):
        other = deepcopy(kept)
        other["inputs"][0] |= wrong
        assert fits(document, path, "get", other) != []
    older = {**deepcopy(kept), "version": 7, "inputs": [{"another": "field"}]}
    assert fits(document, path, "get", older) == []


def test_it_is_kept_as_bytes_until_the_live_models_change(fresh: Served) -> None:
    first = fresh.get(ALL)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"
    assert fresh.get(ALL).body == first.body
    unchanged = fresh.get(ALL, headers={"If-None-Match": f'"other", {tag}'}, status=304)
    assert (unchanged.body, unchanged.headers["ETag"]) == (b"", tag)
    assert fresh.head(ALL).headers["ETag"] == tag
    fresh.application.live.put(LiveModel("gone", "linear", reason="its file is broken"))
    changed = fresh.get(ALL, headers={"If-None-Match": tag}, status=200)
    assert changed.headers["ETag"] != tag
    validate(changed.json)
    assert "requestBody" in changed.json["paths"]["/api/v1/models/gone/predictions"]["post"]
    assert fresh.get("/api/v1/models/gone/openapi.json").json["info"]["title"] == "gone"
    assert fresh.delete(ALL, status=405).headers["Allow"]


def test_a_caller_who_takes_no_json_is_refused(app: Served) -> None:
    refused = app.get(ALL, headers={"Accept": "text/html"}, status=406)
    assert refused.content_type == "application/problem+json"


def test_an_operation_s_problems_are_those_that_it_has(app: Served) -> None:
    document = app.get(ALL).json
    post = document["paths"]["/api/v1/models/line/predictions"]["post"]["responses"]
    assert set(post) == {"200", "400", "404", "406", "409", "411", "413", "415", "422", "500", "503"}
    name = post["503"]["$ref"].rpartition("/")[2]
    unavailable = document["components"]["responses"][name]
    assert "Retry-After" in unavailable["headers"]
    codes = unavailable["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    assert codes == ["busy", "database_unavailable", "log_unavailable", "model_not_ready"]
    assert set(document["paths"]["/health/live"]["get"]["responses"]) == {"200", "500"}


def test_a_plugin_s_resource_without_operations_is_listed_all_the_same(app: Served) -> None:
    review = app.get(ALL).json["paths"]["/api/v1/models/line/review"]
    assert review["get"]["summary"] == "Who has read the coefficients."
    assert review["get"]["responses"]["200"]["content"] == {"application/json": {"schema": {}}}
    assert review["put"]["responses"]["default"]["$ref"].endswith("/problem")


class Broken(ModelResource):
    """What cannot be described."""

    family = "linear"
    operations = {  # noqa: RUF012
        "get": Operation("Raises", answer=lambda loaded, limits: {}["missing"]),
        "put": Operation("Cannot be written", answer={"const": object()}),
        "delete": Operation("Has a problem that nobody knows", answer={}, problems=("no_such_code",)),
    }

    def get(self) -> None: ...
    def put(self) -> None: ...
    def delete(self) -> None: ...


def test_a_description_that_fails_spares_all_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def configure(config: Configurator) -> None:
        config.add_model_resource("broken/{part:[a-z]{2}}", Broken)

    with (
        serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)}), configure) as app,
        caplog.at_level(logging.ERROR, "mlserve.api"),
    ):
        document = app.get(ALL).json
    validate(document)
    broken = document["paths"]["/api/v1/models/line/broken/{part}"]
    assert [broken[verb]["summary"] for verb in ("get", "put", "delete")] == ["What cannot be described."] * 3
    assert broken["get"]["parameters"][0]["schema"] == {"type": "string", "pattern": "^[a-z]{2}$"}
    assert [record.message for record in caplog.records] == ["description_failed"] * 3
    assert document["paths"]["/api/v1/models/line"]["get"]["summary"] == "The model, with its signature"


def test_a_plugin_s_resource_cannot_hide_the_document(tmp_path: Path) -> None:
    from mlserve.errors import ConfigurationError

    class Hiding(ModelResource):
        family = "linear"

    def configure(config: Configurator) -> None:
        config.add_model_resource("openapi.json", Hiding)

    with (
        pytest.raises(ConfigurationError, match=r"would hide the core's 'model\.openapi'"),
        serving(settings_of(tmp_path, models={}), configure),
    ):
        pass


@pytest.mark.parametrize("mount", ["", "/café x"])
def test_embedded_and_mounted_its_paths_begin_where_the_server_does(tmp_path: Path, mount: str) -> None:
    config = Configurator(settings=settings_of(tmp_path, models={"line": linear_model(tmp_path)}))
    config.include("mlserve", route_prefix="ml")
    # A server hands the bytes of the path around as characters.
    app = TestApp(config.make_wsgi_app(), extra_environ={"SCRIPT_NAME": mount.encode().decode("latin-1")})
    try:
        document = app.get("/ml" + ALL).json
        validate(document)
        assert document["servers"] == [{"url": quote(mount) + "/ml"}]
        assert "/api/v1/models/line/predictions" in document["paths"]
        assert "/health/live" in document["paths"]
        line = f"{quote(mount)}/ml/api/v1/models/line"
        made = app.post_json("/ml/api/v1/models/line/predictions", _example(document, "line"))
        assert made.headers["Content-Location"] == f"{line}/predictions/{made.json['id']}"
        assert [model["url"] for model in app.get("/ml/api/v1/models").json["models"]] == [line]
        assert app.get("/ml/api/v1/models/line").json["resources"]["predictions"] == f"{line}/predictions"
        app.post_json("/ml/api/v1/models/line/predictions", _example(document, "line"))
        listed = app.get("/ml/api/v1/models/line/predictions?limit=1")
        assert listed.headers["Link"].startswith(f"<{line}/predictions?limit=1&cursor=")
    finally:
        config.registry.mlserve.stop()


def test_two_applications_describe_each_its_own_models(tmp_path: Path, fresh: Served) -> None:
    (tmp_path / "other").mkdir()
    models = {"another": linear_model(tmp_path / "other")}
    with serving(settings_of(tmp_path / "other", models=models)) as other:
        assert {tag["name"] for tag in other.get(ALL).json["tags"]} == {"Server", "another"}
        assert {tag["name"] for tag in fresh.get(ALL).json["tags"]} == {"Server", "line"}
