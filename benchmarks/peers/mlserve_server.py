"""mlserve as `mlserve serve production.ini` runs it, with what that file says, but for what is compared."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sqlalchemy import func, select

from benchmarks.models import ROOT, Model
from benchmarks.peers.server import JSON, Answer, Failed, NotInstalled, Server
from benchmarks.processes import PATIENCE
from benchmarks.works import Work
from mlserve.db.engine import open_database
from mlserve.errors import DatabaseUnavailable
from mlserve.predictions.spool import reader
from mlserve.predictions.spool.positions import positions_of
from mlserve.predictions.tables import predictions

ARROW = "application/vnd.apache.arrow.stream"


class Mlserve(Server):
    """`workers` processes that answer and one that ships; with one worker, waitress and all in one process.

    `way` is how predictions are kept; with `ships` False nobody moves them into SQL. `database` is a URL; empty for
    SQLite. With `pin` each worker keeps to a processor.
    """

    refuses = True

    def __init__(
        self,
        name: str,
        *,
        engine: str = "exact",
        way: str = "process",
        ships: bool = True,
        workers: int = 2,
        pin: bool = False,
    ) -> None:
        self.name, self.workers, self.database = name, workers, ""
        self._engine, self._way, self._ships, self._pin = engine, way, ships, pin
        self.tolerance = 1e-6 if engine == "onnx" else 0.0
        self._answered = self._uncounted = 0
        usual = engine == "exact" and way == "process" and ships and workers > 1 and not pin
        self.works: Sequence[str] = ("single",)
        if usual:
            self.works = ("single", "rows", "columns", "arrow", "meanwhile", "big", "flight")
        elif ships and way == "process":
            self.works = ("single", "big") if workers > 1 and not pin else ("single",)
        # What the targets compare over one connection.
        self.single_connections = (1, 16) if way == "process" and ships and workers > 1 and not pin else (16,)
        packages = ["granian" if workers > 1 else "waitress", "msgspec", "xgboost-cpu"]
        packages += ["onnxruntime"] if engine == "onnx" else []
        self.version = f"mlserve {version('pyramid-mlserve')}, " + ", ".join(f"{p} {version(p)}" for p in packages)

    def start(self, model: Model, works: Sequence[Work], folder: Path, *, twice: bool) -> None:
        super().start(model, works, folder, twice=twice)
        self._database = open_database(self.database or f"sqlite:///{folder / 'var' / 'mlserve.db'}")

    def begin(self) -> None:
        self.settle(0, 0)
        self._answered = self._kept()

    def prepare(self) -> None:
        """A server makes the tables of its SQLite only."""
        if self.database:
            upgrade = [self.command(port=0)[0], "db", "upgrade", str(self.folder / "production.ini")]
            done = subprocess.run(upgrade, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Failed(f"its database is not upgraded: {done.stderr}")

    def command(self, port: int) -> list[str]:
        settings = {
            "mlserve.var": str(self.folder / "var"),
            "mlserve.log.way": self._way,
            "mlserve.shipper.enabled": "true" if self._ships else "false",
            "mlserve.xgboost.engine": self._engine,
            # Its peers ask for no key either.
            "mlserve.auth.enabled": "false",
            "port": str(port),
        }
        if self.database:
            settings["mlserve.database.url"] = self.database.replace("%", "%%")
        if self.workers > 1:
            settings["workers"] = str(self.workers)
            settings["pin"] = "yes" if self._pin else "no"
            # Those that stood still while others were loaded must not be taken for some that hang.
            settings["request_timeout"] = "86400"
        ini = self.folder / "production.ini"
        ini.write_text(production(settings, f"mlserve.models.{self.model.name} = {self.model.artefact}"))
        program = ["mlserve", "serve"] if self.workers > 1 else ["pserve"]
        return [str(Path(sys.executable).with_name(program[0])), *program[1:], str(ini)]

    def address(self, work: Work) -> tuple[str, str, str]:
        kind = ARROW if work.form == "arrow" else JSON
        return f"/api/v1/models/{self.model.name}/predictions", kind, kind

    def body(self, work: Work, number: int) -> bytes:
        return arrow(work, number) if work.form == "arrow" else super().body(work, number)

    def answer(self, work: Work, text: bytes) -> Answer:
        if work.form != "arrow":
            return super().answer(work, text)
        import pyarrow

        with pyarrow.ipc.open_stream(text) as stream:
            return Answer(np.asarray(stream.read_all()["probability"], np.float32), None)

    def backlog(self) -> int | None:
        if self._way not in ("process", "host") or not self._ships:
            return None
        segments = reader.segments(self.folder / "var" / "spool")
        try:
            with self._database.read() as connection:
                shipped = positions_of(connection, [segment.name for segment in segments])
        except DatabaseUnavailable:
            shipped = {}
        return sum(max(0, segment.size() - shipped.get(segment.name, 0)) for segment in segments)

    def settle(self, answered: int, under_way: int) -> None:
        """Every answered prediction is kept; when a load ends, what is under way is kept too, and nobody counts it."""
        self._answered += answered
        self._uncounted += under_way
        deadline = time.monotonic() + PATIENCE
        while self.backlog():
            if time.monotonic() > deadline:
                raise Failed(f"the shipper does not keep up: {self.process.output()}")
            time.sleep(0.02)

    def close(self) -> str:
        """Count what is kept. Raises Failed where it is not what was answered."""
        self.process.stop()
        kept = self._kept()
        self._database.close()
        if self._way == "off" or not self._ships:
            return "brings nothing into SQL"
        if not self._answered <= kept <= self._answered + self._uncounted:
            most = self._answered + self._uncounted
            raise Failed(
                f"{self._answered:,} predictions were answered, and {kept:,} are kept where {most:,} can be at most"
            )
        return f"has {kept:,} predictions in SQL for {self._answered:,} counted answers: none is lost"

    def _kept(self) -> int:
        with self._database.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(predictions)) or 0)


def arrow(work: Work, number: int) -> bytes:
    """The rows as an Arrow stream: a column of float32 for each field."""
    try:
        import pyarrow
    except ImportError as error:
        raise NotInstalled("pyarrow makes the bodies of Arrow: pip install pyarrow") from error
    columns = [pyarrow.array(column) for column in np.ascontiguousarray(work.matrix(number).T)]
    table = pyarrow.table(columns, names=work.model.fields)
    out = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    body: bytes = out.getvalue().to_pybytes()
    return body


def production(settings: Mapping[str, str], models: str) -> str:
    """production.ini with these settings, wherever a line of it has their keys, and with these lines for models."""
    text = (ROOT / "production.ini").read_text(encoding="utf-8")
    text = re.sub(r"^# mlserve\.models\.NAME =.*$", models, text, flags=re.MULTILINE)
    for key, value in settings.items():
        line = re.compile(rf"^(# )?{re.escape(key)} =.*$", re.MULTILINE)
        text, count = line.subn(lambda _, line=f"{key} = {value}": line, text)  # type: ignore[misc]
        if not count:
            raise SystemExit(f"production.ini has no line for {key}, which the benchmark sets.")
    return text
