"""Builders for tests: model files and whole applications."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from mlserve import testing
from mlserve.testing import Served, serving

__all__ = ["Served", "linear_model", "serving", "settings_of", "until"]


def linear_model(
    folder: Path, name: str = "line", intercept: float = 1.0, explanation: str = "well", **coefficients: float
) -> Path:
    """A model file of the test family `linear`; `explanation` is how it explains itself."""
    path = folder / f"{name}.linear"
    content = {"intercept": intercept, "coefficients": coefficients or {"x": 2.0, "y": -1.0}}
    path.write_text(json.dumps(content | ({} if explanation == "well" else {"explanation": explanation})))
    return path


def settings_of(folder: Path, *, models: dict[str, Path], **settings: str) -> dict[str, str]:
    """INI keys of an application in `folder`, of linear models; keyword `log__way` means `mlserve.log.way`."""
    return testing.settings_of(folder, plugins="mlserve_linear", models=models, **settings)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that another thread or process brings about; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about in time")
        time.sleep(0.01)
