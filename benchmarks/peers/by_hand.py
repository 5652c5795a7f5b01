"""Services written by hand, which keep nothing and log nothing: FastAPI under uvicorn, Flask under gunicorn."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.server import JSON, Peer
from benchmarks.works import Work

APPS = Path(__file__).with_name("apps")


class ByHand(Peer):
    """Takes what mlserve takes, and refuses what mlserve refuses."""

    refuses = True

    def address(self, work: Work) -> tuple[str, str, str]:
        return "/columns" if work.form == "columns" else "/predict", JSON, JSON


class FastApi(ByHand):
    """With uvicorn's HTTP parser and event loop in C, and pydantic's JSON parser."""

    name = environment = "fastapi"
    packages = ("fastapi", "pydantic", "uvicorn", "xgboost-cpu")
    works: Sequence[str] = ("single", "rows", "columns", "meanwhile", "big", "flight")

    def command(self, port: int) -> list[str]:
        app = "fastapi_flight" if self.model.name == "flight-delay" else "fastapi_cancer"
        command = [str(self.binary("python")), "-m", "uvicorn", f"{app}:app", "--app-dir", str(APPS)]
        command += ["--workers", str(self.workers), "--port", str(port)]
        return [*command, "--log-level", "critical", "--no-access-log"]


class DeclaredFastApi(FastApi):
    """The same with bodies and answers declared, as FastAPI's tutorial has it, and slower."""

    name = "fastapi-declared"
    works = ("single", "rows")

    def address(self, work: Work) -> tuple[str, str, str]:
        return "/declared", JSON, JSON


class Flask(ByHand):
    """With synchronous workers, which close the connection after each answer."""

    name = environment = "flask"
    packages = ("flask", "gunicorn", "orjson", "xgboost-cpu")
    works = ("single", "rows", "columns")

    def command(self, port: int) -> list[str]:
        command = [str(self.binary("gunicorn")), "flask_cancer:app", "--pythonpath", str(APPS)]
        # 0: one that was paused must not be taken for one that hangs.
        command += ["--workers", str(self.workers), "--timeout", "0", "--bind", f"127.0.0.1:{port}"]
        return [*command, "--log-level", "critical", "--no-control-socket"]
