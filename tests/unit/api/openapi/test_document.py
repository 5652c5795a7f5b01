"""The document of addresses and models that are given."""

from typing import Any

from openapi_spec_validator import validate

from mlserve.api.openapi.document import Address, Part, document
from mlserve.api.operations import Operation
from mlserve.inference import LiveModel
from mlserve.inference.loaded import Limits

LIMITS = Limits(body=1000, instances=10, problems=10, depth=10, explained=1000, image_pixels=1_000_000)
MODEL = "/api/v1/models/{model}"


def described(*addresses: Address, models: tuple[str, ...] = ("line",)) -> dict[str, Any]:
    live = [None, *(LiveModel(name, "linear") for name in models)]
    found = document("mlserve", [Part(addresses, LIMITS, model) for model in live], "/")
    validate(found)
    return found


def test_an_address_of_a_family_belongs_to_its_models_only() -> None:
    answer = Operation("It", answer={})
    found = described(
        Address(f"{MODEL}/ours", {"get": answer}, family="linear", negotiated=True),
        Address(f"{MODEL}/theirs", {"get": answer}, family="other", negotiated=True),
        Address("/api/v1/modelsets", {"get": answer}),
    )
    assert list(found["paths"]) == ["/api/v1/modelsets", "/api/v1/models/line/ours"]
    part = Part([Address(MODEL, {"get": answer})], LIMITS, LiveModel("line", "linear"))
    one = document("line", [part], "/ml")
    validate(one)
    assert (list(one["paths"]), one["servers"]) == (["/api/v1/models/line"], [{"url": "/ml"}])


def test_identities_differ_even_where_addresses_hardly_do() -> None:
    answer = Operation("It", answer={})
    found = described(Address(f"{MODEL}/a-b", {"get": answer}), Address(f"{MODEL}/a/b", {"get": answer, "put": answer}))
    identities = [operation["operationId"] for item in found["paths"].values() for operation in item.values()]
    assert identities == ["get.line.a.b", "get.line.a.b_", "put.line.a.b"]


def test_an_operation_says_all_that_it_declares() -> None:
    operation = Operation(
        "Sums up",
        answer={"type": "integer"},
        body={"type": "array"},
        description="Slowly.",
        headers={"If-Match": {"type": "string", "description": "A tag."}},
        path={"part": {"enum": ["a"]}},
        problems=("not_found",),
        media={"text/plain": {"type": "string"}},
        answers={202: {"type": "null"}, 304: None},
        answer_headers={"ETag": {"type": "string", "description": "Of the answer."}},
    )
    found = described(Address(f"{MODEL}/sum/{{part}}", {"post": operation}, negotiated=True))
    post = found["paths"]["/api/v1/models/line/sum/{part}"]["post"]
    assert [(one["name"], one["in"]) for one in post["parameters"]] == [
        ("part", "path"),
        ("If-Match", "header"),
        ("X-Request-Id", "header"),
    ]
    assert post["parameters"][0]["schema"] == {"enum": ["a"]}
    assert post["requestBody"]["content"]["application/json"]["schema"] == {"type": "array"}
    responses = post["responses"]
    assert set(responses["200"]["content"]) == {"application/json", "text/plain"}
    assert responses["200"]["headers"]["ETag"]["description"] == "Of the answer."
    assert responses["202"]["content"]["application/json"]["schema"] == {"type": "null"}
    assert "content" not in responses["304"]
    assert set(responses) == {"200", "202", "304", "400", "404", "406", "413", "415", "422", "500"}


def test_a_schema_that_needs_a_version_is_any_json_while_none_is_loaded() -> None:
    operation = Operation("It", answer=lambda loaded, limits: {"const": loaded.lineage.version})
    found = described(Address(MODEL, {"get": operation}))
    content = found["paths"]["/api/v1/models/line"]["get"]["responses"]["200"]["content"]
    assert content == {"application/json": {"schema": {}}}
    assert "no version is loaded" in found["tags"][0]["description"]
