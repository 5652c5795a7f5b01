"""Servers that serve models as mlserve does: MLServer, BentoML, LitServe and the SDK of KServe. They keep nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.by_hand import APPS
from benchmarks.peers.server import JSON, Answer, Peer
from benchmarks.processes import free_port
from benchmarks.works import Work


class MlServer(Peer):
    """MLServer with its own runtime for XGBoost, asked in its own fastest JSON: one flat tensor.

    Without parallel workers, which are slower than none for a model so quick.
    """

    environment = "mlserver"
    packages = ("mlserver", "mlserver-xgboost", "xgboost-cpu")
    works = ("single", "columns")
    workers = 1

    def __init__(self, name: str, *, batching: bool = False) -> None:
        self.name, self._batching = name, batching

    def command(self, port: int) -> list[str]:
        own: dict[str, Any] = {
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": free_port(),
            "metrics_endpoint": None,
            "parallel_workers": 0,
            "debug": False,
            "logging_settings": str(self._write("logging.json", {"version": 1, "disable_existing_loggers": True})),
        }
        model: dict[str, Any] = {
            "name": "model",
            "implementation": "mlserver_xgboost.XGBoostModel",
            "parameters": {"uri": str(self.model.artefact)},
        }
        if self._batching:
            model |= {"max_batch_size": 32, "max_batch_time": 0.001}
        self._write("settings.json", own)
        self._write("model-settings.json", model)
        return [str(self.binary("mlserver")), "start", str(self.folder)]

    def address(self, work: Work) -> tuple[str, str, str]:
        return "/v2/models/model/infer", JSON, JSON

    def body(self, work: Work, number: int) -> bytes:
        instances = work.instances(number)
        data = [row[field] for row in instances for field in self.model.fields]
        shape = [len(instances), len(self.model.fields)]
        tensor = {"name": "input", "shape": shape, "datatype": "FP32", "data": data}
        return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()

    def answer(self, work: Work, text: bytes) -> Answer:
        return Answer(np.array(json.loads(text)["outputs"][0]["data"], np.float32), None)

    def _write(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(content))
        return path


class BentoMl(Peer):
    """A service of ours for BentoML, which takes named floats by pydantic."""

    name = environment = "bentoml"
    packages = ("bentoml", "pydantic", "xgboost-cpu")
    works = ("single", "rows")

    def command(self, port: int) -> list[str]:
        command = [str(self.binary("bentoml")), "serve", "bentoml_cancer:Cancer", "--working-dir", str(APPS)]
        return [*command, "--host", "127.0.0.1", "--port", str(port), "--quiet"]

    def environ(self) -> dict[str, str]:
        home = {"BENTOML_HOME": str(self.folder / "home"), "BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1"}
        return {**super().environ(), **home, "WORKERS": str(self.workers)}


class LitServe(Peer):
    """A service of ours for LitServe, which checks nothing."""

    name = environment = "litserve"
    packages = ("litserve", "xgboost-cpu")
    works = ("single", "rows")

    def command(self, port: int) -> list[str]:
        return [str(self.binary("python")), str(APPS / "litserve_cancer.py"), str(port), str(self.workers)]


class KServe(Peer):
    """A model of ours for KServe's SDK, by its protocol V1: an instance is a list of numbers."""

    name = environment = "kserve"
    packages = ("kserve", "xgboost-cpu")
    works = ("single", "rows")

    def command(self, port: int) -> list[str]:
        command = [str(self.binary("python")), str(APPS / "kserve_cancer.py"), "--http_port", str(port)]
        command += ["--workers", str(self.workers), "--enable_grpc", "false", "--enable_docs_url", "false"]
        return [*command, "--configure_logging", "false", "--enable_latency_logging", "false"]

    def address(self, work: Work) -> tuple[str, str, str]:
        return "/v1/models/model:predict", JSON, JSON

    def body(self, work: Work, number: int) -> bytes:
        rows = [[row[field] for field in self.model.fields] for row in work.instances(number)]
        return json.dumps({"instances": rows}, separators=(",", ":")).encode()

    def answer(self, work: Work, text: bytes) -> Answer:
        return Answer(np.array(json.loads(text)["predictions"], np.float32), None)
