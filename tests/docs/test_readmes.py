"""The curl commands of the READMEs, sent as they stand to the application of development.ini, answer what they say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyramid.paster import get_app
from webtest.http import StopableWSGIServer

from tests.docs.transcript import Transcript

ROOT = Path(__file__).parents[2]


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The application of development.ini on a free port, with a folder of its own for what it keeps."""
    monkeypatch.setenv("MLSERVE__VAR", str(tmp_path / "var"))
    app = get_app(str(ROOT / "development.ini"))
    server = StopableWSGIServer.create(app)
    try:
        yield server.effective_port
    finally:
        server.shutdown()
        app.registry.mlserve.stop()


@pytest.mark.parametrize("page", ["examples/flight_delay/README.md"])
def test_the_commands_of_the_page_answer_what_it_says(page: str, port: int) -> None:
    assert Transcript(ROOT / page).run(port) > 0


def test_another_answer_than_the_page_says_is_noticed(tmp_path: Path, port: int) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '```console\n$ curl -s http://127.0.0.1:6543/health/live\n{"status": "no"}\n```\n', encoding="utf-8"
    )
    with pytest.raises(AssertionError, match="the page says 'no'"):
        Transcript(page).run(port)
