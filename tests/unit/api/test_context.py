"""The model that a path names."""

from types import SimpleNamespace
from typing import Any

import pytest

from mlserve.api.context import ApiContext, FamilyPredicate, ModelContext
from mlserve.api.resources import Resource
from mlserve.errors import ModelUnknown, NotAcceptable
from mlserve.inference import LiveModel, LiveModels


@pytest.fixture
def registry() -> Any:
    live = LiveModels()
    live.put(LiveModel("line", "linear"))
    return SimpleNamespace(mlserve=SimpleNamespace(live=live))


def request(registry: Any, model: str, **environ: str) -> Any:
    return SimpleNamespace(registry=registry, matchdict={"model": model}, environ=environ)


def test_a_context_holds_the_live_model_of_the_path(registry: Any) -> None:
    assert ModelContext(request(registry, "line")).model.family == "linear"
    with pytest.raises(ModelUnknown, match="'other'"):
        ModelContext(request(registry, "other"))


def test_who_does_not_take_json_learns_nothing_of_the_models(registry: Any) -> None:
    for kind in (ApiContext, ModelContext):
        with pytest.raises(NotAcceptable):
            kind(request(registry, "other", HTTP_ACCEPT="text/html"))


def test_the_predicate_sees_the_registry_as_it_is_now(registry: Any) -> None:
    predicate = FamilyPredicate("linear", SimpleNamespace(registry=registry))
    info = {"match": {"model": "later"}}
    assert not predicate(info, None)
    registry.mlserve.live.put(LiveModel("later", "linear"))
    assert predicate(info, None)
    assert not FamilyPredicate("xgboost", SimpleNamespace(registry=registry))(info, None)
    assert predicate.text() == predicate.phash() == "family = linear"


def test_a_resource_takes_the_context_it_is_given_or_the_request_s() -> None:
    asked = SimpleNamespace(context="the request's")
    assert Resource(asked).context == "the request's"
    assert Resource(asked, "given").context == "given"
