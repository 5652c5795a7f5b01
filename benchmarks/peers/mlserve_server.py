"""mlserve as `pserve production.ini` runs it, with what that file says of the log, the shipper and waitress."""

import re
import sys
import time
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.processes import PATIENCE, ServerProcess, free_port
from benchmarks.works import ROOT, Work
from mlserve.db.engine import open_database
from mlserve.predictions.spool.gauge import SpoolGauge
from mlserve.predictions.tables import predictions


class MlservePeer:
    name = "mlserve"
    version = f"mlserve {version('pyramid-mlserve')}, waitress {version('waitress')}"
    workers = 1

    def __init__(self, work: Work, folder: Path) -> None:
        self.path = f"/api/v1/models/{work.model}/predictions"
        port, var = free_port(), folder / "var"
        ini = folder / "production.ini"
        ini.write_text(_ini(work, port, var))
        pserve = str(Path(sys.executable).with_name("pserve"))
        environ = {"PYTHONWARNINGS": "ignore:pkg_resources is deprecated"}
        self.process = ServerProcess([pserve, str(ini)], port, folder, live="/health/live", environ=environ)
        self._database = open_database(f"sqlite:///{var / 'mlserve.db'}")
        self._gauge = SpoolGauge(var / "spool", self._database)

    def settle(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._gauge.read().backlog_records:
            if time.monotonic() > deadline:
                raise SystemExit(f"The shipper does not keep up:\n{self.process.output()}")
            time.sleep(0.05)

    def close(self, answered: int, loads: int) -> str:
        """Every answered prediction is kept; when a load ends, what is under way is kept too, and nobody counts it."""
        self.process.stop()
        with self._database.read() as connection:
            kept = int(connection.scalar(select(func.count()).select_from(predictions)) or 0)
        self._database.close()
        if not answered <= kept <= answered + loads:
            raise SystemExit(
                f"{answered:,} predictions were answered, and {kept:,} are kept where at most {answered + loads:,} "
                f"can be:\n{self.process.output()}"
            )
        return f"mlserve kept {kept:,} predictions for {answered:,} counted answers: none is lost."


def start(work: Work, folder: Path) -> MlservePeer:
    return MlservePeer(work, folder)


def _ini(work: Work, port: int, var: Path) -> str:
    """production.ini with a model, a folder and a port of this run."""
    text = (ROOT / "production.ini").read_text(encoding="utf-8")
    for old, new in (
        (r"^# mlserve\.var = .*$", f"mlserve.var = {var}"),
        (r"^# mlserve\.models\.NAME =.*$", f"mlserve.models.{work.model} = {work.artefact}"),
        (r"^port = .*$", f"port = {port}"),
        # Its peer asks for no key either.
        (r"^mlserve\.auth\.enabled = .*$", "mlserve.auth.enabled = false"),
    ):
        text, count = re.subn(old, new, text, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit(f"production.ini has {count} lines like {old!r} where the benchmark sets its own.")
    return text
