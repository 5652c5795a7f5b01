"""`mlserve routes` shows the addresses that the application really has."""

from pathlib import Path

from pyramid.interfaces import IRoutesMapper

from mlserve.cli.routes import _resources, _verbs
from mlserve.startup import build
from tests.factories import settings_of


def test_each_resource_shown_is_a_route_of_that_pattern(tmp_path: Path) -> None:
    config = build(settings_of(tmp_path, models={}), here=None)
    patterns = {route.name: route.pattern for route in config.registry.getUtility(IRoutesMapper).get_routes()}
    shown = list(_resources(config.registry.mlserve, "linear"))
    assert [name for name, _, _ in shown][:3] == ["model", "linear.predictions", "linear.review"]
    for name, suffix, resource in shown:
        assert patterns[name] == f"/api/v1/models/{{model}}{suffix}"
        assert _verbs(resource).split() == [
            verb for verb in ("GET", "POST", "PUT", "PATCH", "DELETE") if hasattr(resource, verb.lower())
        ]
    assert not any(name.startswith("linear.") for name, _, _ in _resources(config.registry.mlserve, "xgboost"))
