"""What one request costs inside the process, without a socket: `make cost`.

Calls the real application on a model of 30 floats and on the demo's, and beside it the bare WSGI function that
`make bench` has as its floor. One row a request, CPU time of one thread: the least of many short rounds
in random order, which neighbours on the machine disturb least.
"""

import gc
import io
import logging
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

from benchmarks.floors.bare import Rows, callable_of
from benchmarks.models import DEMO_FILE, FLIGHT, cancer
from mlserve.application import Application
from mlserve.inference import LoadedVersion
from mlserve.predictions.reading import read_batch
from mlserve.predictions.service import Asked
from mlserve.signature import Batch
from mlserve.signature.fast import value_type
from mlserve.startup import build

FIELDS, TREES = 30, 100
ROUNDS, LOOPS = 1500, 4
App = Callable[..., Any]


def body_of(row: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"instances": [row]})


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


def bare(loaded: LoadedVersion, records: Path) -> App:
    """The floor, with what the application has loaded."""
    fields = loaded.signature.inputs
    members = [
        (field.name, value_type(field)) if field.required else (field.name, value_type(field) | None, None)
        for field in fields
    ]
    predict = loaded.predictor.predict

    def outputs_of(rows: Rows) -> list[dict[str, Any]]:
        found = predict(Batch.from_rows(loaded.signature, rows))
        values = zip(*(array.tolist() for array in found.values()), strict=True)
        return [dict(zip(found, row, strict=True)) for row in values]

    return callable_of(members, outputs_of, records)


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


def measure(way: str, folder: Path, artefact: Path, row: Mapping[str, Any]) -> dict[str, float]:
    body = body_of(row)
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
        model = cancer(folder, "bench", TREES)
        some = model.rows[0]
        print("µs of CPU, one row: a bare WSGI function, the whole application with the log `process`, their ratio")
        for label, path, row in ((f"{FIELDS} floats", model.artefact, some), ("demo", DEMO_FILE, FLIGHT)):
            for engine in ("exact", "onnx"):
                print(f"  {label:<12}{beside_the_floor(folder, path, row, engine)}")
        print(f"{FIELDS} floats, {TREES} trees, engine exact")
        for way in ("off", "process", "sql"):
            for label, value in measure(way, folder, model.artefact, some).items():
                print(f"  {label:<28}{value:8.1f}")


if __name__ == "__main__":
    main()
