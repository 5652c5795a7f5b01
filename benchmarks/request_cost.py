"""What one request costs inside the process, without a socket: `make cost`.

Trains a small XGBoost model (30 named float features, 100 trees), builds the real application on it, and times the
whole WSGI call and its stages: one row a request, CPU time of one thread, so that neighbours disturb less.
"""

import gc
import io
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xgboost

from mlserve.predictions.envelope import read_envelope
from mlserve.predictions.reading import decode
from mlserve.predictions.service import Asked
from mlserve.startup import build

FIELDS = 30
TREES = 100
REPEATS = 7
# Measured once on one core with the same model shape; see docs/explanation/performance.md.
REFERENCE = {
    "whole request": "35-39 a Pyramid view with decode, predict (8-11 by ONNX Runtime), append, encode",
    "predict": "60 the library's C function on a prepared array",
    "log: process": "3-5 one append",
    "log: sql": "100-160 SQLite WAL insert and commit",
}


def train(folder: Path) -> Path:
    """A binary model on made data, saved where the application can declare it."""
    random = np.random.default_rng(7)
    features = random.normal(size=(2000, FIELDS)).astype(np.float32)
    target = (features[:, 0] + features[:, 1] * features[:, 2] > 0).astype(int)
    names = [f"feature_{number}" for number in range(FIELDS)]
    data = xgboost.DMatrix(features, target, feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 6, "nthread": 2}, data, TREES)
    path = folder / "bench.ubj"
    booster.save_model(path)
    return path


def body_of(random: np.random.Generator) -> bytes:
    row = {f"feature_{number}": round(float(value), 4) for number, value in enumerate(random.normal(size=FIELDS))}
    return msgspec.json.encode({"instances": [row]})


def microseconds(call: Callable[[], Any], loops: int) -> float:
    """The median over repeats of the mean CPU time of a call."""
    call()
    means = []
    for _ in range(REPEATS):
        started = time.thread_time()
        for _ in range(loops):
            call()
        means.append((time.thread_time() - started) / loops * 1e6)
    return statistics.median(means)


def request_call(app: Any, body: bytes) -> Callable[[], Any]:
    base = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/models/bench/predictions",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
    }
    statuses: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        statuses.append(status)

    def call() -> None:
        b"".join(app({**base, "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr}, start_response))
        if statuses.pop() != "200 OK":
            raise RuntimeError("the request was refused")

    return call


def measure(way: str, folder: Path, artefact: Path) -> dict[str, float]:
    settings = {
        "mlserve.plugins": "xgboost",
        "mlserve.models.bench": str(artefact),
        "mlserve.var": str(folder / way),
        "mlserve.log.way": way,
        "mlserve.shipper.enabled": "false",
    }
    config = build(settings, here=None)
    app, application = config.make_wsgi_app(), config.registry.mlserve
    application.start()
    body = body_of(np.random.default_rng(1))
    gc.disable()
    try:
        whole = microseconds(request_call(app, body), 300 if way == "sql" else 2000)
        return {f"whole request, log {way}": whole} | (stages(application, body) if way == "off" else {})
    finally:
        gc.enable()
        application.stop()


def stages(application: Any, body: bytes) -> dict[str, float]:
    loaded, serving = application.live.get("bench").loaded(), application.serving
    envelope, _ = read_envelope(body, 64)
    decode_it = partial(decode, loaded, envelope, body, serving.limits)
    batch = decode_it()
    outputs = loaded.predict(batch)
    asked = Asked(request_id="bench")
    return {
        "read envelope": microseconds(lambda: read_envelope(body, 64), 5000),
        "decode": microseconds(decode_it, 5000),
        "decode and matrix": microseconds(lambda: decode_it().matrix(), 5000),
        "predict": microseconds(lambda: loaded.predict(batch), 2000),
        "encode outputs": microseconds(lambda: loaded.output_encoder.encode(outputs, 1), 5000),
        "encode inputs for the log": microseconds(lambda: loaded.stored_inputs.encode(batch), 5000),
        "service without HTTP": microseconds(lambda: serving.answer(loaded, body, asked), 2000),
    }


def main() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artefact = train(folder)
        results: dict[str, float] = {}
        for way in ("off", "process", "sql"):
            results |= measure(way, folder, artefact)
    print(f"One row of {FIELDS} floats, {TREES} trees, engine exact, one thread; medians of {REPEATS}, µs of CPU")
    for label, value in results.items():
        print(f"  {label:<28}{value:8.1f}")
    print("Figures of the design (another day, another machine), in µs")
    for label, text in REFERENCE.items():
        print(f"  {label:<28}{text}")


if __name__ == "__main__":
    main()
