"""A hand-written FastAPI service under uvicorn, in an environment of its own; it keeps nothing and logs nothing."""

import json
import subprocess
from pathlib import Path

from benchmarks.processes import ServerProcess, free_port
from benchmarks.works import ROOT, Work

PYTHON = ROOT / "benchmarks" / ".venv-peers" / "bin" / "python"
APP = Path(__file__).with_name("fastapi_app")
_VERSIONS = (
    "import json; from importlib.metadata import version as v;"
    "print(json.dumps({n: v(n) for n in ('fastapi', 'pydantic', 'uvicorn', 'xgboost-cpu')}))"
)


class FastapiPeer:
    name = "fastapi"
    workers = 1
    path = "/predict"

    def __init__(self, work: Work, folder: Path) -> None:
        if not PYTHON.exists():
            raise SystemExit("The peers are not installed: run make bench, which installs them.")
        versions = json.loads(subprocess.run([PYTHON, "-c", _VERSIONS], capture_output=True, check=True).stdout)
        self.version = ", ".join(f"{name} {number}" for name, number in versions.items())
        port = free_port()
        command = [str(PYTHON), "-m", "uvicorn", f"{work.name}:app", "--app-dir", str(APP)]
        command += ["--port", str(port), "--log-level", "critical", "--no-access-log"]
        environ = {"MODEL": str(work.artefact)}
        self.process = ServerProcess(command, port, folder, live="/health", environ=environ)

    def settle(self) -> None:
        """It does nothing after its answers."""

    def close(self, answered: int, loads: int) -> str:
        self.process.stop()
        return f"FastAPI answered {answered:,} and keeps nothing."


def start(work: Work, folder: Path) -> FastapiPeer:
    return FastapiPeer(work, folder)
