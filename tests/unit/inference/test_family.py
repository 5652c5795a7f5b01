"""The protocols that a plugin implements: the test family keeps them, so that the contract can be kept at all."""

import inspect

from mlserve_linear.family import LinearFamily, LinearPredictor

from mlserve.inference import ModelFamily, Predictor


def members(protocol: type) -> set[str]:
    return {name for name in vars(protocol) if not name.startswith("_")} | set(protocol.__annotations__)


def test_a_family_without_an_ml_library_has_every_member() -> None:
    assert members(ModelFamily) == {"name", "formats", "runs_code", "inspect", "load", "libraries"}
    assert all(hasattr(LinearFamily, name) for name in members(ModelFamily))
    assert members(Predictor) == {"concurrency", "engine", "predict", "info", "close"}
    assert all(hasattr(LinearPredictor, name) for name in members(Predictor))


def test_its_methods_take_what_the_core_gives() -> None:
    for protocol, kind in ((ModelFamily, LinearFamily), (Predictor, LinearPredictor)):
        for name in members(protocol) & set(vars(protocol)):
            wanted = list(inspect.signature(getattr(protocol, name)).parameters)
            assert list(inspect.signature(getattr(kind, name)).parameters) == wanted
