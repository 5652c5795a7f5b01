"""The models that answer now."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from mlserve.errors import ModelNotReady, ModelUnknown
from mlserve.inference import LiveModel, LiveModels


def loaded() -> Any:
    closed: list[float] = []
    return SimpleNamespace(close=closed.append, closed=closed)


def test_a_model_answers_with_the_version_that_is_loaded() -> None:
    version = loaded()
    model = LiveModel("line", "linear", version)
    assert model.loaded() is version
    assert model.state == "ready"


def test_a_model_is_told_in_a_few_words() -> None:
    version: Any = SimpleNamespace(lineage=SimpleNamespace(version=3))
    assert repr(LiveModel("line", "linear", version)) == "<LiveModel line: linear, version 3, ready>"
    assert repr(LiveModel("line", "linear", reason="it is broken")) == "<LiveModel line: linear, failed>"


def test_a_model_without_a_version_says_why_and_when_to_come_back() -> None:
    model = LiveModel("line", "linear", reason="the file is broken")
    assert model.state == "failed"
    with pytest.raises(ModelNotReady, match="the file is broken") as refused:
        model.loaded()
    assert refused.value.retry_after == 5


def test_models_are_found_by_name_listed_in_order_and_replaced() -> None:
    live = LiveModels()
    live.put(LiveModel("b", "linear"))
    live.put(LiveModel("a", "xgboost"))
    assert [model.name for model in live] == ["a", "b"]
    live.put(LiveModel("b", "xgboost"))
    assert live.get("b").family == live.family_of("b") == "xgboost"
    assert live.family_of("c") is None
    with pytest.raises(ModelUnknown, match="'c'"):
        live.get("c")


def test_a_reader_keeps_what_it_has_begun_with() -> None:
    live = LiveModels()
    live.put(LiveModel("a", "linear"))
    reading = iter(live)
    live.put(LiveModel("b", "linear"))
    assert [model.name for model in reading] in (["a"], ["a", "b"])  # Whole either way, and no error.


def test_many_writers_lose_nothing() -> None:
    live = LiveModels()
    threads = [
        threading.Thread(target=lambda place=place: [live.put(LiveModel(f"m{place}-{n}", "f")) for n in range(50)])
        for place in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(live)) == 200


def test_closing_closes_every_version_once_within_one_limit_and_forgets_the_models() -> None:
    live, first, second = LiveModels(), loaded(), loaded()
    live.put(LiveModel("a", "linear", first))
    live.put(LiveModel("b", "linear", reason="broken"))
    live.put(LiveModel("c", "linear", second))
    live.close(5)
    live.close(5)
    assert len(first.closed) == len(second.closed) == 1
    assert 5 >= first.closed[0] >= second.closed[0] >= 0
    assert list(live) == []


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    live = LiveModels()
    live.put(LiveModel("flight-delay", "linear"))
    with pytest.raises(ModelUnknown, match="did you mean 'flight-delay'"):
        live.get("flight-dely")
    with pytest.raises(ModelUnknown, match=r"here\.$"):
        live.get("weather")
