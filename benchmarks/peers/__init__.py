"""The servers that are compared, by name. None of them runs yet."""

from collections.abc import Callable

from benchmarks.peers.by_hand import DeclaredFastApi, FastApi, Flask
from benchmarks.peers.floor import Floor
from benchmarks.peers.in_process import Library
from benchmarks.peers.mlserve_server import Mlserve
from benchmarks.peers.model_servers import BentoMl, KServe, LitServe, MlServer
from benchmarks.peers.server import Server

SERVERS: dict[str, Callable[[], Server]] = {
    "mlserve": lambda: Mlserve("mlserve"),
    "mlserve-onnx": lambda: Mlserve("mlserve-onnx", engine="onnx"),
    "mlserve-off": lambda: Mlserve("mlserve-off", way="off"),
    "mlserve-host": lambda: Mlserve("mlserve-host", way="host"),
    "mlserve-sql": lambda: Mlserve("mlserve-sql", way="sql"),
    "mlserve-pinned": lambda: Mlserve("mlserve-pinned", pin=True),
    "mlserve-unshipped": lambda: Mlserve("mlserve-unshipped", ships=False),
    "mlserve-onnx-unshipped": lambda: Mlserve("mlserve-onnx-unshipped", engine="onnx", ships=False),
    "mlserve-waitress": lambda: Mlserve("mlserve-waitress", workers=1),
    "floor": lambda: Floor("floor"),
    "floor-onnx": lambda: Floor("floor-onnx", engine="onnx"),
    "library": Library,
    "fastapi": FastApi,
    "flask": Flask,
    "mlserver": lambda: MlServer("mlserver"),
    "mlserver-batching": lambda: MlServer("mlserver-batching", batching=True),
    "fastapi-declared": DeclaredFastApi,
    "bentoml": BentoMl,
    "litserve": LitServe,
    "kserve": KServe,
}
# These are measured where BENCH_ARGS names them.
ON_REQUEST = ("fastapi-declared", "bentoml", "litserve", "kserve")
USUAL = [name for name in SERVERS if name not in ON_REQUEST]
