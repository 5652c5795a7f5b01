"""`mlserve serve` where the INI has one process only: as pserve does."""

import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlserve.testing.server import ini_of
from tests.factories import linear_model, settings_of
from tests.functional.workers import Workers

pytestmark = pytest.mark.slow


class Alone(Workers):
    def __init__(self, ini: Path, settings: Mapping[str, str]) -> None:
        # A shell that runs the tests in the background lets them ignore SIGINT; no server that has Ctrl-C does.
        heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        program = f"{heeds}; from mlserve.cli import main; main()"
        super().__init__(ini, settings, command=[sys.executable, "-c", program, "serve", str(ini)])

    def write(self, settings: Mapping[str, str], **keys: Any) -> None:
        self.ini.write_text(ini_of(settings))

    @property
    def address(self) -> tuple[str, int]:
        line = next(line for line in self.lines if "Serving on http://" in line)
        host, _, port = json.loads(line)["event"].rpartition("/")[2].partition(":")
        return host, int(port)


def test_it_serves_with_the_main_server(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path, name="line", x=2.0, y=1.0)})
    with Alone(tmp_path / "w.ini", settings) as server:
        server.wait_for("Serving on http://")
        asked = {"instances": [{"x": 1.0, "y": 2.0}]}
        assert server.call("POST", "/api/v1/models/line/predictions", asked).status == 200
        assert server.stop(signal.SIGINT) == 0, "one Ctrl-C"
