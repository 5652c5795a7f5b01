"""What one request costs inside the process, without a socket: `make cost`.

Calls the real application on a model of 30 floats and on the demo's, and beside it a bare WSGI function that does no
more than decode, predict, append and encode. One row a request, CPU time of one thread: the least of many short rounds
in random order, which neighbours on the machine disturb least.
"""

import gc
import io
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import xgboost

from mlserve.application import Application
from mlserve.inference import LoadedVersion
from mlserve.predictions.reading import read_batch
from mlserve.predictions.service import Asked
from mlserve.signature import Batch
from mlserve.signature.fast import value_type
from mlserve.startup import build

FIELDS = 30
TREES = 100
ROUNDS, LOOPS = 1500, 4
ROOT = Path(__file__).parents[1]
DEMO = ROOT / "examples" / "flight_delay" / "flight-delay.ubj"
FLIGHT = {
    "carrier": "DL",
    "origin": "JFK",
    "dest": "MCO",
    "month": 7,
    "day_of_week": 1,
    "hour": 9,
    "minute": 0,
    "distance": 950,
}
App = Callable[..., Any]


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


def body_of(row: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"instances": [row]})


def floats() -> dict[str, float]:
    chance = np.random.default_rng(1)
    return {f"feature_{number}": round(float(value), 4) for number, value in enumerate(chance.normal(size=FIELDS))}


def microseconds(calls: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """The least CPU time of each call, in µs."""
    least = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        for _ in range(20):
            call()
    order = list(calls)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            started = time.thread_time()
            for _ in range(LOOPS):
                calls[name]()
            least[name] = min(least[name], (time.thread_time() - started) / LOOPS * 1e6)
    return least


def bare(loaded: LoadedVersion, log: Path) -> App:
    """A WSGI function that decodes, predicts, appends and encodes, and does nothing else."""
    fields = loaded.signature.inputs
    members = [
        (field.name, value_type(field)) if field.required else (field.name, value_type(field) | None, None)
        for field in fields
    ]
    instance = msgspec.defstruct("Instance", members, kw_only=True, gc=False)
    body_type: Any = msgspec.defstruct("Body", [("instances", list[instance])])  # type: ignore[valid-type]
    decode_body = msgspec.json.Decoder(body_type).decode
    predict, encode = loaded.predictor.predict, msgspec.json.Encoder().encode
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        rows: Any = [msgspec.structs.astuple(item) for item in decode_body(body).instances]
        outputs = predict(Batch.from_rows(loaded.signature, rows))
        values = zip(*(array.tolist() for array in outputs.values()), strict=True)
        answer = encode({"outputs": [dict(zip(outputs, row, strict=True)) for row in values]})
        os.write(descriptor, body + answer)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    return app


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


@contextmanager
def application(folder: Path, artefact: Path, way: str, engine: str) -> Iterator[tuple[App, Application]]:
    settings = {
        "mlserve.plugins": "xgboost onnx",
        "mlserve.models.bench": str(artefact),
        "mlserve.var": str(folder / f"{artefact.stem}-{way}-{engine}"),
        "mlserve.log.way": way,
        "mlserve.shipper.enabled": "false",
        "mlserve.xgboost.engine": engine,
    }
    config = build(settings, here=None)
    app, made = config.make_wsgi_app(), config.registry.mlserve
    made.start()
    gc.disable()
    try:
        yield app, made
    finally:
        gc.enable()
        made.stop()


def beside_the_floor(folder: Path, artefact: Path, row: Mapping[str, Any], engine: str) -> str:
    """The whole application with the log `process`, and the bare function beside it."""
    body = body_of(row)
    with application(folder, artefact, "process", engine) as (app, made):
        loaded = made.live.get("bench").loaded()
        floor = request_call(bare(loaded, folder / "floor"), body)
        found = microseconds({"bare": floor, "whole": request_call(app, body)})
        return (
            f"{found['bare']:8.1f}{found['whole']:8.1f}{found['bare'] / found['whole']:8.0%}   {loaded.lineage.engine}"
        )


def measure(way: str, folder: Path, artefact: Path) -> dict[str, float]:
    body = body_of(floats())
    with application(folder, artefact, way, "exact") as (app, made):
        calls = {f"whole request, log {way}": request_call(app, body)} | (stages(made, body) if way == "off" else {})
        return microseconds(calls, 300 if way == "sql" else ROUNDS)


def stages(made: Application, body: bytes) -> dict[str, Callable[[], Any]]:
    loaded, serving = made.live.get("bench").loaded(), made.serving
    decode = partial(read_batch, loaded, body, serving.limits)
    _, batch = decode()
    outputs = loaded.predict(batch)
    asked = Asked(request_id="bench")
    return {
        "decode": decode,
        "decode and matrix": lambda: decode()[1].matrix(),
        "predict": lambda: loaded.predict(batch),
        "encode outputs": lambda: loaded.output_encoder.encode(outputs, 1),
        "encode inputs for the log": lambda: loaded.stored_inputs.encode(batch),
        "service without HTTP": lambda: serving.answer(loaded, body, asked),
    }


def main() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artefact = train(folder)
        print("µs of CPU, one row: a bare WSGI function, the whole application with the log `process`, their ratio")
        for label, path, row in ((f"{FIELDS} floats", artefact, floats()), ("demo", DEMO, FLIGHT)):
            for engine in ("exact", "onnx"):
                print(f"  {label:<12}{beside_the_floor(folder, path, row, engine)}")
        print(f"{FIELDS} floats, {TREES} trees, engine exact")
        for way in ("off", "process", "sql"):
            for label, value in measure(way, folder, artefact).items():
                print(f"  {label:<28}{value:8.1f}")


if __name__ == "__main__":
    main()
