"""The running server against its own OpenAPI document: nothing fails, and every answer is one that it describes."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from mlserve.auth import keys
from mlserve.db.engine import open_database
from mlserve.events import Author
from tests.factories import linear_model, settings_of, until
from tests.functional.servers import Server, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DEMO = Path(__file__).parents[2] / "examples" / "flight_delay" / "flight-delay.ubj"
MODELS = ("flight-delay", "line")
EXAMPLES = 6
CALLERS = ("/api/v1/keys", "/api/v1/users")


def refused(context: Any, response: Any, case: Any) -> bool | None:
    """What the document does not allow is refused, but for what it cannot say."""
    if response.status_code == 413:  # Schemathesis does not take it for a refusal.
        return None
    if case.path.endswith("/actuals") and case.method == "POST":  # Each report is answered by itself, with a 200.
        return None
    sent = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)
    if "" in dict(sent).values():  # A parameter without a value counts as not given.
        return None
    return negative_data_rejection(context, response, case)


def accepted(context: Any, response: Any, case: Any) -> bool | None:
    """Instances that the document allows are accepted; that columns have one length, it cannot say."""
    if case.meta.generation.mode is not GenerationMode.POSITIVE:
        return None
    body = case.body if isinstance(case.body, dict) else {}
    if "instances" in body and response.status_code == 422:
        assert response.json()["code"] == "idempotency_key_reused", response.text
    return None


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,  # 405 is no operation's answer: it is what an address says to all other verbs.
    accepted,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("schemathesis")
    models = {"flight-delay": DEMO, "line": linear_model(folder)}
    ini = {**settings_of(folder, models=models), "mlserve.plugins": "mlserve_linear xgboost"}
    with served(folder / "server.ini", ini) as server:
        yield server


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.call("GET", "/api/v1/openapi.json").json
    return found


@pytest.fixture(scope="module")
def found_ones(server: Server, document: dict[str, Any]) -> dict[str, Any]:
    """The document with the id of a real prediction, and a tree that there is, as the only ones."""
    known = deepcopy(document)
    for name in MODELS:
        predictions = f"/api/v1/models/{name}/predictions"
        example = document["paths"][predictions]["post"]["requestBody"]["content"]["application/json"]["example"]
        made = server.call("POST", predictions, {**example, "explain": True}).json
        for path, item in known["paths"].items():
            if path.startswith(f"/api/v1/models/{name}/") and path.rpartition("{")[1]:
                const = 0 if "/trees/" in path else 1 if "{number}" in path else made["id"]
                const = "champion" if "{alias}" in path else const
                for operation in item.values():
                    (parameter,) = [one for one in operation["parameters"] if one["in"] == "path"]
                    parameter["schema"] = {"const": const}
    # Not those that would change the registry under the others; nobody needs a key here, so that there are none.
    of_models = {
        path: item for path, item in known["paths"].items() if "{" in path and path.startswith("/api/v1/models")
    }
    known["paths"] = {path: _kept(path, item) for path, item in of_models.items()}
    return known


def _kept(path: str, item: dict[str, Any]) -> dict[str, Any]:
    changes = ("put", "delete", "post") if {"aliases", "versions"} & {*path.split("/")} else ()
    return {verb: operation for verb, operation in item.items() if verb not in changes}


@schemathesis.serializer(
    "application/vnd.mlserve.bundle", "application/zip", "application/vnd.apache.arrow.stream", "text/csv"
)
def as_it_is(ctx: Any, value: Any) -> bytes:
    """Bytes that are no bundle and no table, as a rule."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def of_each_kind(document: dict[str, Any]) -> dict[str, Any]:
    """The document with all addresses of the first model, and those of the second that its signature decides on."""
    kept = deepcopy(document)
    other = f"/api/v1/models/{MODELS[1]}/"
    own = ("predictions", "explanations", "predictions/{id}", "predictions/{id}/actuals")
    kept["paths"] = {
        path: item
        for path, item in kept["paths"].items()
        if not path.startswith(other) or path.removeprefix(other) in own
    }
    return kept


def operations(document: dict[str, Any], server: Server) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(document)
    host, port = server.address
    schema.config.update(base_url=f"http://{host}:{port}")
    for found in schema.get_all_operations():
        yield found.ok()


def check(
    operation: Any,
    mode: GenerationMode,
    checks: list[Any],
    examples: int = EXAMPLES,
    headers: dict[str, str] | None = None,
) -> set[int]:
    """Send requests that the document allows, or that it does not; the statuses of the answers."""
    statuses = set()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        response = case.call_and_validate(checks=checks, headers=headers)
        statuses.add(response.status_code)

    send()
    return statuses


def test_every_answer_is_one_that_the_document_describes(server: Server, document: dict[str, Any]) -> None:
    each = operations(of_each_kind(document), server)
    statuses = {op.label: check(op, GenerationMode.POSITIVE, CHECKS) for op in each}
    assert len(statuses) > 20
    for name in MODELS:
        assert 200 in statuses[f"POST /api/v1/models/{name}/predictions"]
        assert statuses[f"GET /api/v1/models/{name}/predictions/{{id}}"] == {404}


def test_what_is_asked_of_a_real_prediction_is_described_too(server: Server, found_ones: dict[str, Any]) -> None:
    statuses = {op.label: check(op, GenerationMode.POSITIVE, CHECKS) for op in operations(found_ones, server)}
    for label, found in statuses.items():
        # A report that fits its output may still be of too many instances.
        assert 200 in found or (label.startswith("PUT ") and found == {422}), label


@pytest.mark.exhaustive
def test_what_the_document_does_not_allow_is_refused(server: Server, document: dict[str, Any]) -> None:
    tested = set()
    for operation in operations(of_each_kind(document), server):
        taken = operation.definition.raw
        query = any(parameter["in"] == "query" for parameter in taken["parameters"])
        body = taken.get("requestBody", {})
        # What another version takes, the document leaves open.
        other = operation.label.endswith(("{alias}/predictions", "{number}/predictions"))
        if query or (body.get("required") and "application/json" in body["content"] and not other):
            tested.add(operation.label)
            check(operation, GenerationMode.NEGATIVE, [*CHECKS, refused])
    assert len(tested) >= 5 * len(MODELS)


@pytest.mark.parametrize(
    ("path", "schema", "wrong"),
    [
        ("/api/v1/models", "models", {"required": ["nothing"]}),
        ("/api/v1/models/line/predictions/{id}", "problem", {"required": ["nothing"]}),
    ],
)
def test_a_document_that_is_wrong_is_noticed(
    server: Server, document: dict[str, Any], path: str, schema: str, wrong: dict[str, Any]
) -> None:
    lying = deepcopy(document)
    lying["paths"] = {path: lying["paths"][path]}
    lying["components"]["schemas"][schema] |= wrong
    (operation,) = operations(lying, server)
    with pytest.raises(BaseException, match="nothing"):
        check(operation, GenerationMode.POSITIVE, CHECKS, examples=2)


@pytest.mark.exhaustive
def test_keys_and_users_are_described_where_keys_are_asked_for(tmp_path: Path) -> None:
    ini = {**settings_of(tmp_path, models={}, auth__enabled="true", auth__interval="20ms")}
    with served(tmp_path / "server.ini", ini) as server:
        database = open_database(f"sqlite:///{tmp_path}/var/mlserve.db")
        with database.write() as connection:
            key = keys.create(connection, "root", ["admin"], Author("cli:test"))
        database.close()
        headers = {"Authorization": f"Bearer {key.text}"}
        until(lambda: server.call("GET", "/api/v1/openapi.json", headers=headers).status == 200)
        document = server.call("GET", "/api/v1/openapi.json", headers=headers).json
        user = {"name": "ada", "password": "correct horse battery", "roles": ["observe"]}
        assert server.call("POST", "/api/v1/users", user, headers).status == 201
        other = server.call("POST", "/api/v1/keys", {"name": "other", "roles": ["observe"]}, headers).json["id"]
        of_callers = {path: item for path, item in document["paths"].items() if path.startswith(CALLERS)}
        for path, there_is in {"/api/v1/keys/{id}": other, "/api/v1/users/{name}": "ada"}.items():
            for operation in of_callers[path].values():
                (parameter,) = [one for one in operation["parameters"] if one["in"] == "path"]
                parameter["schema"] = {"enum": [there_is, "nobody"]}
        found = {}
        for operation in sorted(
            operations({**document, "paths": of_callers}, server), key=lambda it: "DEL" in it.label
        ):
            found[operation.label] = check(operation, GenerationMode.POSITIVE, CHECKS, headers=headers)
            if operation.method.upper() in ("POST", "PATCH"):
                check(operation, GenerationMode.NEGATIVE, [*CHECKS, refused], headers=headers)
    assert len(found) == 9
    assert {label for label, statuses in found.items() if not {200, 201} & statuses} == set()
    assert 201 in found["POST /api/v1/keys"]
    assert 404 in found["GET /api/v1/users/{name}"]
    assert all(401 not in statuses for statuses in found.values())
