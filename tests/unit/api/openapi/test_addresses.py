"""The addresses of a real application that is put together and not started."""

from pathlib import Path
from typing import Any

import pytest
from pyramid.config import Configurator

from mlserve.api.openapi.addresses import addresses_of
from mlserve.api.openapi.document import Address
from mlserve.api.operations import Operation
from mlserve.api.views import add_read_view
from mlserve.startup import build
from tests.factories import settings_of

MODEL = "/api/v1/models/{model}"


def of(registry: Any) -> dict[str, Address]:
    found = addresses_of(registry)
    assert len({address.pattern for address in found}) == len(found)
    return {address.pattern: address for address in found}


@pytest.fixture
def config(tmp_path: Path) -> Configurator:
    return build(settings_of(tmp_path, models={}), here=None)


def test_resources_are_there_with_the_verbs_that_they_have(config: Configurator) -> None:
    found = of(config.registry)
    predictions = found[f"{MODEL}/predictions"]
    assert (set(predictions.operations), predictions.family) == ({"get", "post"}, "linear")
    assert found[f"{MODEL}/predictions/{{id}}"].family is None
    review = found[f"{MODEL}/review"]
    assert review.operations == {"get": None, "put": None}
    assert review.summaries["get"] == "Who has read the coefficients."
    undescribed = [pattern for pattern, address in found.items() if None in address.operations.values()]
    assert undescribed == [review.pattern]


def test_views_that_are_described_are_there_and_pages_are_not(config: Configurator) -> None:
    mine = Operation("Mine", answer={})
    add_read_view(config, "mine", "/mine", lambda request: {}, mine, renderer="mlserve")
    config.commit()
    found = of(config.registry)
    assert found["/mine"].operations == {"get": mine}
    assert {pattern for pattern in found if not pattern.startswith("/api/v1/")} == {
        "/health/live",
        "/health/ready",
        "/metrics",
        "/mine",
    }


def test_a_route_prefix_and_the_host_s_own_addresses_are_left_out(tmp_path: Path, config: Configurator) -> None:
    host = Configurator(settings=settings_of(tmp_path, models={}))
    host.add_route("home", "/home")
    host.include("mlserve", route_prefix="ml")
    host.commit()
    assert list(of(host.registry)) == list(of(config.registry))


def test_what_a_caller_of_a_model_wants_first_comes_first(config: Configurator) -> None:
    found = addresses_of(config.registry)
    tails = [address.pattern.removeprefix(MODEL) for address in found if address.of_a_model]
    assert tails == [
        "/predictions",
        "/predictions/{id}",
        "/explanations",
        "/predictions/{id}/explanation",
        "/predictions/{id}/actuals",
        "/actuals",
        "",
        *sorted(set(tails[7:-1])),
        "/openapi.json",
    ]
    assert "/review" in tails
    assert list(of(config.registry)[f"{MODEL}/predictions"].operations) == ["post", "get"]
