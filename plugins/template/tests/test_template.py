"""What this family answers, in numbers."""

from pathlib import Path

import pytest

from mlserve.errors import ModelNotReady
from mlserve.inference import LiveModel
from mlserve.testing import Served, settings_of
from mlserve_template.panel import panel


@pytest.fixture
def mlserve_settings(tmp_path: Path) -> dict[str, str]:
    """The INI of `mlserve_app`: one model, and the setting of this family."""
    path = tmp_path / "delays.template"
    path.write_text('{"mean": 12.5, "offsets": {"carrier": {"AA": -1.5, "UA": 2.25}}}')
    return settings_of(tmp_path, plugins="mlserve_template", models={"delays": path}, template__decimals="1")


def test_the_mean_and_the_offset_are_the_answer(mlserve_app: Served) -> None:
    answer = mlserve_app.predict("delays", [{"carrier": "UA"}, {"carrier": None}]).json
    assert answer["outputs"] == [{"value": 14.8}, {"value": 12.5}]


def test_the_offsets_can_be_read(mlserve_app: Served) -> None:
    found = mlserve_app.get("/api/v1/models/delays/offsets").json
    assert found == {"mean": 12.5, "offsets": {"carrier": {"AA": -1.5, "UA": 2.25}}}


def test_the_page_shows_the_largest_offsets_first(mlserve_app: Served) -> None:
    shown = panel(None, mlserve_app.application.live.get("delays"))
    assert shown == {"mean": 12.5, "offsets": [("carrier", "UA", 2.25), ("carrier", "AA", -1.5)]}
    with pytest.raises(ModelNotReady):  # So that there is no panel.
        panel(None, LiveModel("late", "template"))
