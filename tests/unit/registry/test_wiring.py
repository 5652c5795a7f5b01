"""The registry's start: what was loaded is closed again, whatever comes after it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mlserve_linear.family import LinearFamily, LinearPredictor

from mlserve.errors import BundleError, ConfigurationError
from mlserve.signature import Signature
from mlserve.startup import build
from tests.factories import linear_model, settings_of


def test_a_start_that_fails_at_the_second_model_closes_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"a": linear_model(tmp_path, "a"), "b": linear_model(tmp_path, "b", intercept=2.0)}
    application = build(settings_of(tmp_path, models=models), here=None).registry.mlserve
    loaded: list[LinearPredictor] = []
    load = LinearFamily.load

    def one_only(self: LinearFamily, path: Path, signature: Signature, settings: Mapping[str, Any]) -> LinearPredictor:
        if loaded:
            raise BundleError("there is room for one")
        loaded.append(load(self, path, signature, settings))
        return loaded[-1]

    monkeypatch.setattr(LinearFamily, "load", one_only)
    with pytest.raises(ConfigurationError, match=r"mlserve\.models\.b = .* cannot be served: there is room for one"):
        application.start()
    (predictor,) = loaded
    assert predictor.closed
    assert list(application.live) == []
