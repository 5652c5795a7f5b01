"""The last route: an address below a known model that no resource has."""

from types import SimpleNamespace

import pytest
from pyramid.config import Configurator

from mlserve.api.last import nothing_here
from mlserve.api.problems import NoSuchResource
from mlserve.errors import ModelNotReady
from mlserve.inference import LiveModel

ROUTES = {
    "linear.predictions": "predictions",
    "alias": "aliases/{alias}",
    "other.nowhere": "nowhere",
    "last": "{rest:.*}",
}


@pytest.mark.parametrize(
    ("rest", "end"),
    [
        ("predict", "; did you mean 'predictions'?"),
        ("alias/b", "; did you mean 'aliases'?"),
        ("predictions/a/b/c", "."),
        ("nowhere_", "."),
        ("rest", "."),
    ],
)
def test_a_known_model_without_such_a_resource_is_not_found_by_name(rest: str, end: str) -> None:
    context = SimpleNamespace(model=SimpleNamespace(name="line", family="linear"))
    config = Configurator()
    for name, path in ROUTES.items():
        config.add_route(name, f"/api/v1/models/{{model}}/{path}")
    config.commit()
    resources = {("linear", "predictions"): None, ("other", "nowhere"): None}
    families = SimpleNamespace(has_failed=lambda name: False)
    config.registry.mlserve = SimpleNamespace(families=families, model_resources=resources)
    request = SimpleNamespace(registry=config.registry, matchdict={"rest": rest})
    with pytest.raises(NoSuchResource) as missing:
        nothing_here(context, request)  # type: ignore[arg-type]
    assert str(missing.value.detail) == f"Model line, of family linear, has no such resource{end}"


@pytest.mark.parametrize(("family", "failed"), [("", False), ("beads", True)])
def test_what_a_family_that_is_not_here_would_have_is_not_ready(family: str, failed: bool) -> None:
    context = SimpleNamespace(model=LiveModel("line", family, reason="the plugin beads has failed."))
    families = SimpleNamespace(has_failed=lambda name: failed)
    request = SimpleNamespace(registry=SimpleNamespace(mlserve=SimpleNamespace(families=families)))
    with pytest.raises(ModelNotReady, match="Model line has no loaded version: the plugin beads has failed"):
        nothing_here(context, request)  # type: ignore[arg-type]
