"""What this family answers, in numbers."""

from pathlib import Path

import pytest

from mlserve.testing import serving, settings_of


@pytest.fixture
def delays(tmp_path: Path) -> Path:
    path = tmp_path / "delays.means"
    path.write_text('{"mean": 12.5, "offsets": {"carrier": {"AA": -1.5, "UA": 2.25}}}')
    return path


def test_the_mean_and_the_offset_are_the_answer(delays: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, plugins="mlserve_template", models={"delays": delays}, means__decimals="1")
    with serving(settings) as app:
        answer = app.predict("delays", [{"carrier": "UA"}, {"carrier": None}]).json
        assert answer["outputs"] == [{"value": 14.8}, {"value": 12.5}]
        assert app.get("/api/v1/models/delays/offsets").json["offsets"] == {"carrier": {"AA": -1.5, "UA": 2.25}}
