"""When a server is taken out of its balancer for its models, and when it only says what is missing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlserve.application import Application
from mlserve.inference import LiveModel
from mlserve.inference.live import ModelState, VersionStatus
from mlserve.observability.health import Degraded
from mlserve.registry.readiness import check_models
from mlserve.registry.registered import Known, Registered
from tests.unit.registry.test_declared import application

Make = Callable[..., Application]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Make]:
    """An application with live models by name and state; `declared` is in its INI."""
    opened = application(tmp_path, declared=tmp_path / "none")
    opened.registry = SimpleNamespace(registered=Registered())  # type: ignore[assignment]

    def make(**states: ModelState) -> Application:
        for name, state in states.items():
            version: Any = object() if state == "ready" else None
            opened.live.put(LiveModel(name, "linear", version, without=state))
        return opened

    with closing(opened.database):
        yield make


@pytest.mark.parametrize(
    "states",
    [
        {},
        {"declared": "ready", "other": "ready"},
        {"declared": "idle"},  # Its operator has removed the alias, and none is missed.
    ],
)
def test_all_is_well(made: Make, states: dict[str, ModelState]) -> None:
    assert check_models(made(**states)) == {"models": states}


@pytest.mark.parametrize("state", ["failed", "loading"])
@pytest.mark.parametrize("other", ["ready", "idle"])
def test_a_model_that_only_callers_have_deployed_leaves_the_server_ready(
    made: Make, state: ModelState, other: ModelState
) -> None:
    with pytest.raises(Degraded) as raised:
        check_models(made(declared=other, other=state))
    assert raised.value.args == ({"models": {"declared": other, "other": state}},)


@pytest.mark.parametrize("state", ["failed", "loading"])
def test_where_no_model_can_answer_or_a_declared_one_cannot_the_server_is_not_ready(
    made: Make, state: ModelState
) -> None:
    app = made(one=state, two=state)
    with pytest.raises(RuntimeError):
        check_models(app)
    for name in ("one", "two"):
        app.live.remove(name)
    with pytest.raises(RuntimeError):
        check_models(made(declared=state, other="ready"))


def test_what_is_not_as_the_registry_says_is_told(made: Make) -> None:
    app = made(declared="ready")
    app.live.put(LiveModel("other", "linear", object(), statuses={2: VersionStatus("failed")}))  # type: ignore[arg-type]
    versions = {"far": {1: Known("a", "nope"), 2: Known("b", "linear")}}
    registered = Registered(1, versions, {"far": {"champion": 1, "shadow": 2}})
    app.registry = SimpleNamespace(registered=registered)  # type: ignore[assignment]
    app.stale_since = "2026-07-01T00:00:00Z"
    with pytest.raises(Degraded) as raised:
        check_models(app)
    assert raised.value.args[0] == {
        "models": {"declared": "ready", "other": "ready"},
        "versions": {"other": {"2": "failed"}},
        "not_enabled": {"far": {"champion": "nope"}},
        "stale_since": "2026-07-01T00:00:00Z",
    }


def test_a_model_whose_declaration_a_plugin_fails_at_is_told_and_takes_no_server_away(made: Make) -> None:
    app = made(declared="failed", other="ready")
    app.faults.not_as_declared["declared"] = "A sentence."
    with pytest.raises(Degraded) as raised:
        check_models(app)
    assert raised.value.args[0]["not_as_declared"] == ["declared"]
    del app.faults.not_as_declared["declared"]
    with pytest.raises(RuntimeError):
        check_models(app)
