"""The registry's start: what was loaded is closed again, whatever comes after it."""

from pathlib import Path
from typing import Any

import pytest

from mlserve.errors import ConfigurationError
from mlserve.inference import LoadedVersion
from mlserve.startup import build
from tests.factories import linear_model, settings_of


def test_a_start_that_fails_at_the_second_model_closes_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"a": linear_model(tmp_path, "a"), "b": linear_model(tmp_path, "b")}
    models["b"].write_text("{}")
    application = build(settings_of(tmp_path, models=models), here=None).registry.mlserve
    loaded: list[LoadedVersion] = []
    put = application.live.put

    def remember(model: Any) -> None:
        loaded.append(model.champion)
        put(model)

    monkeypatch.setattr(application.live, "put", remember)
    with pytest.raises(ConfigurationError, match=r"mlserve\.models\.b"):
        application.start()
    (version,) = loaded
    assert version.lineage.model == "a"
    assert version.predictor.closed  # type: ignore[attr-defined]
    assert list(application.live) == []
