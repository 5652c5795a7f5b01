"""`Idempotency-Key`: the same request twice is one prediction, whatever the log way."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.factories import Served, linear_model, serving, settings_of

URL = "/api/v1/models/line/predictions"


@pytest.fixture(params=["sql", "process", "off"])
def app(tmp_path: Path, request: pytest.FixtureRequest):
    with serving(settings_of(tmp_path, models={"line": linear_model(tmp_path)}, log__way=request.param)) as served:
        yield served


def send(app: Served, key: str, x: float = 1, status: int = 200) -> Any:
    return app.post_json(URL, {"instances": [[x, 2]]}, headers={"Idempotency-Key": key}, status=status)


def test_a_repeated_key_gets_the_stored_answer(app: Served) -> None:
    first, second = send(app, "order-7"), send(app, "order-7")
    assert second.json == first.json
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(app.get(URL).json["predictions"]) == 1


def test_a_retry_that_repeats_its_request_id_is_a_replay_too(app: Served) -> None:
    headers = {"Idempotency-Key": "order-7", "X-Request-Id": "attempt"}
    first, second = (app.post_json(URL, {"instances": [[1, 2]]}, headers=headers) for _ in range(2))
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


def test_the_same_key_with_another_body_is_refused(app: Served) -> None:
    send(app, "order-7")
    assert send(app, "order-7", x=3, status=422).json["code"] == "idempotency_key_reused"


def test_the_same_key_for_a_version_by_its_number_is_refused(tmp_path: Path) -> None:
    """Another version answers otherwise. An alias is no such promise: a retry finds its answer wherever that leads."""
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    with serving(settings) as app:
        body, key = {"instances": [[1, 2]]}, {"Idempotency-Key": "order-7"}
        numbered = URL.replace("line/", "line/versions/1/")
        first = app.post_json(numbered, body, headers=key)
        assert app.post_json(numbered, body, headers=key).json == first.json
        assert app.post_json(URL, body, headers=key, status=422).json["code"] == "idempotency_key_reused"


def test_another_key_is_another_prediction(app: Served) -> None:
    assert send(app, "a").json["id"] != send(app, "b").json["id"]


def test_a_key_of_many_threads_at_once_is_one_prediction(app: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(app, "race").json, range(16)))
    assert len({answer["id"] for answer in answers}) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
def test_a_key_that_is_no_key_is_400(app: Served, key: str) -> None:
    assert send(app, key, status=400).json["code"] == "unreadable"


def test_a_retry_after_a_new_version_gets_the_answer_of_then(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    with serving(settings) as app:
        first = send(app, "order-7")
    linear_model(tmp_path, z=1.0)  # Another file and another signature under the same name.
    with serving(settings) as app:
        assert app.get("/api/v1/models/line").json["version"] == 2
        second = send(app, "order-7")
        assert second.json == first.json
        assert second.headers["Idempotency-Replayed"] == "true"
