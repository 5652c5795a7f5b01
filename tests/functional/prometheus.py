"""A real Prometheus on a folder of its own, scraping servers of a test."""

import json
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.factories import until
from tests.tools import tool

PROMETHEUS = Path(__file__).parents[2] / "docs" / "prometheus"


class Prometheus:
    """Scrapes five times a second, and evaluates the alerting rules of the documentation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = tool("prometheus")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self._url = f"http://{address}/api/v1/"
        config = {
            "global": {"scrape_interval": "200ms", "evaluation_interval": "500ms"},
            "rule_files": [str(PROMETHEUS / "alerts.yml")],
            "scrape_configs": [
                {"job_name": "mlserve", "file_sd_configs": [{"files": [str(self._folder / "targets.json")]}]}
            ],
        }
        (self._folder / "prometheus.yml").write_text(json.dumps(config))
        self.scrape({})
        options = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address={address}"]
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen([program, *options], cwd=self._folder, stdout=log, stderr=log)
        until(self._answers)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)
        if error is not None:
            print((self._folder / "prometheus.log").read_text()[-3000:])

    def scrape(self, targets: Mapping[str, tuple[str, int]]) -> None:
        """From now on scrape these: the label `instance` of each, and where it listens."""
        groups = [
            {"targets": [f"{host}:{port}"], "labels": {"instance": name}} for name, (host, port) in targets.items()
        ]
        new = self._folder / "targets.new"
        new.write_text(json.dumps(groups))
        new.rename(self._folder / "targets.json")

    def query(self, expression: str) -> dict[tuple[str, ...], float]:
        """The value of each series of an instant query by the values of its labels, sorted by their names."""
        found = self.ask("query", query=expression)["result"]
        return {
            tuple(value for _, value in sorted(series["metric"].items())): float(series["value"][1]) for series in found
        }

    def ask(self, what: str, **parameters: str) -> Any:
        """The `data` of an answer of its API. Raises HTTPError, of what it refuses."""
        with urlopen(f"{self._url}{what}?{urlencode(parameters)}", timeout=30) as answer:
            return json.load(answer)["data"]

    def _answers(self) -> bool:
        try:
            self.ask("status/buildinfo")
        except URLError:
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "prometheus.log").read_text()
            return False
        return True
