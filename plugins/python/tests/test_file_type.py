"""The example: Magika's network, served through a class."""

import base64
from pathlib import Path

import pytest

from mlserve.testing import serving, settings_of

pytest.importorskip("magika")
pytest.importorskip("file_type")

ARTEFACT = Path(__file__).parents[3] / "examples" / "file_type" / "file-type.python"


def test_magika_answers_as_by_itself(tmp_path: Path) -> None:
    from magika import Magika

    contents = [Path(__file__).read_bytes(), b"", b"%PDF-1.7\n" + bytes(100), b'{"a": [1, 2]}', b"\x00\x01"]
    own = [Magika().identify_bytes(content) for content in contents]
    settings = settings_of(
        tmp_path, plugins="python", models={"file-type": ARTEFACT}, python__allow="file_type:FileType"
    )
    with serving(settings) as app:
        instances = [{"content": base64.b64encode(content).decode()} for content in contents]
        answer = app.predict("file-type", instances)
        expected = [{"label": str(one.output.label), "score": one.score} for one in own]
        assert answer.json["outputs"] == expected
        assert {"python", "empty"} <= {one["label"] for one in expected}
        kept = app.get(answer.headers["Content-Location"]).json
        assert "magika" in kept["lineage"]["library"]
        assert kept["inputs"][0]["content"].startswith("sha256:")
        large = base64.b64encode(bytes(1_000_001)).decode()
        refused = app.predict("file-type", [instances[0], {"content": large}], status=422).json["errors"]
        assert [(one["code"], one["field"], one["instance"]) for one in refused] == [("refused", "content", 1)]
