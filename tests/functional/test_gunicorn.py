"""gunicorn, as the page for production says: forked workers, each of which answers, and one of which ships."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.factories import linear_model, settings_of, until
from tests.functional.loads import Ledger, Load
from tests.functional.servers import PATIENCE
from tests.functional.workers import Workers, gone

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.timeout(300)]

_LISTENING = re.compile(r"Listening at: http://([\d.]+):(\d+)").search
COMMAND = "-m gunicorn --workers 2 --worker-class gthread --threads 4 --no-control-socket --bind 127.0.0.1:0"


class Gunicorn(Workers):
    def __init__(self, ini: Path, settings: dict[str, str]) -> None:
        command = [sys.executable, *COMMAND.split(), "--log-config", str(ini), "--paste", str(ini)]
        super().__init__(ini, settings, command=command)

    @property
    def address(self) -> tuple[str, int]:
        found = next(filter(None, map(_LISTENING, self.lines)))
        return found[1], int(found[2])

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in children.split() if not _is_zombie(int(pid))}


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_what_it_answers_is_kept_whatever_dies(tmp_path: Path) -> None:
    ledger = Ledger()
    models = {"line": linear_model(tmp_path, name="line", x=2.0, y=1.0)}
    settings = settings_of(
        tmp_path, models=models, shipper__interval="5ms", health__interval="50ms", log__way="process"
    )
    with Gunicorn(tmp_path / "w.ini", settings) as server:
        server.heard("started", 2)
        with Load(server, ledger, clients=4):
            ledger.wait(lambda known: len(known.answered) >= 100)
            before = server.workers()
            os.kill(max(before), signal.SIGKILL)
            server.heard("started", 3)
        assert ledger.broken <= 4, "only the connections of the one that was killed"
        before = server.workers()
        with Load(server, ledger, clients=2, seed=1):
            server.process.send_signal(signal.SIGHUP)
            server.heard("started", 5)
            until(lambda: all(map(gone, before)), PATIENCE)
        # Somebody ships, whoever is left.
        until(lambda: server.checks()["log"].get("backlog_records", 0) == 0, PATIENCE)
        with Load(server, ledger, clients=2, seed=2):
            seen = len(ledger.answered)
            ledger.wait(lambda known: len(known.answered) >= seen + 50)
            assert server.stop() == 0
    assert ledger.refused == []
    others = ledger.check(f"sqlite:///{tmp_path / 'var' / 'mlserve.db'}", tmp_path / "var" / "spool")
    assert 0 <= others <= ledger.broken
