"""The models that answer now."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from mlserve.errors import AliasUnknown, ModelNotReady, ModelUnknown
from mlserve.inference import LiveModel, LiveModels
from mlserve.inference.live import VersionStatus
from mlserve.inference.users import Users


def loaded(number: int = 1) -> Any:
    closed: list[float] = []
    return SimpleNamespace(close=closed.append, closed=closed, lineage=SimpleNamespace(version=number))


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


def test_a_predictor_that_is_used_is_not_closed() -> None:
    version, users = loaded(), Users()
    version.users = users
    model = LiveModel("line", "linear", version)
    with model.using_predictor() as used:
        assert used is version
        users.refuse_new()
        assert users.wait(0) == 1
    assert users.wait(0) == 0
    for gone in (model, LiveModel("line", "linear", reason="the file is broken")):
        with pytest.raises(ModelNotReady), gone.using_predictor():
            pass


def test_each_alias_leads_to_its_version_and_says_why_where_it_cannot() -> None:
    first, second = loaded(1), loaded(2)
    model = LiveModel(
        "line",
        "linear",
        first,
        aliases={"shadow": second, "blue": first},
        named={"champion": 3, "shadow": 2, "blue": 1, "green": 4, "red": 5},
        statuses={4: VersionStatus("failed", "it is broken")},
    )
    assert [model.at(alias) for alias in ("champion", "shadow", "blue")] == [first, second, first]
    assert model.versions == (first, second)
    assert (model.version(2), model.version(3)) == (second, None)
    for alias, error, words in (
        ("green", ModelNotReady, "Version 4 of model line is failed here"),
        ("red", ModelNotReady, "Version 5 of model line is loading here"),
        ("none", AliasUnknown, "Model line has no alias 'none'"),
    ):
        with pytest.raises(error, match=words):
            model.at(alias)


def test_an_alias_that_is_coming_is_not_unknown() -> None:
    model, coming = LiveModel("line", "linear", loaded(), named={"champion": 1}), {("line", "shadow"), ("m", "green")}
    with pytest.raises(ModelNotReady, match="alias shadow of model line was just made") as refused:
        model.at("shadow", coming)
    assert refused.value.retry_after == 1
    for alias in ("green", "none"):
        with pytest.raises(AliasUnknown):
            model.at(alias, coming)


def test_a_model_without_a_champion_has_no_such_alias_unless_the_registry_names_one() -> None:
    with pytest.raises(AliasUnknown):
        LiveModel("line", "linear", without="idle").at("champion")
    with pytest.raises(ModelNotReady, match="it is broken"):
        LiveModel("line", "linear", reason="it is broken", named={"champion": 1}).at("champion")


def test_models_that_differ_by_their_versions_states_only_are_equal() -> None:
    one = LiveModel("line", "linear", statuses={1: VersionStatus("loading")})
    assert one == LiveModel("line", "linear", statuses={1: VersionStatus("draining")})
    assert hash(one) == hash(LiveModel("line", "linear"))


def test_a_model_that_is_removed_is_not_found() -> None:
    live = LiveModels()
    live.put(LiveModel("a", "linear"))
    before = live.revision
    live.remove("a")
    assert (live.find("a"), live.revision > before) == (None, True)


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
    live.put(LiveModel("c", "linear", second, aliases={"shadow": second, "blue": (third := loaded())}))
    live.close(5)
    live.close(5)
    assert len(first.closed) == len(second.closed) == len(third.closed) == 1
    assert 5 >= first.closed[0] >= second.closed[0] >= 0
    assert list(live) == []


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    live = LiveModels()
    live.put(LiveModel("flight-delay", "linear"))
    with pytest.raises(ModelUnknown, match="did you mean 'flight-delay'"):
        live.get("flight-dely")
    with pytest.raises(ModelUnknown, match=r"here\.$"):
        live.get("weather")
