"""A bare WSGI callable under the very HTTP server of mlserve's workers, without any framework.

python -m benchmarks.floors.bare ARTEFACT ENGINE FOLDER PORT WORKERS

It does what cannot be left out: it decodes strictly, with the same JSON decoder; predicts, with the same engines;
appends one record to a file; and encodes the answer with its id. One thread a process, which is the fastest.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlserve.ids import Ids
from mlserve.predictions.spool.frame import frame
from mlserve.server.workers.doors import Doors
from mlserve.server.workers.section import Section
from mlserve.server.workers.worker import answer
from mlserve_xgboost import converting
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.model_file import ModelFile, read

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Rows = list[tuple[Any, ...]]


def main(artefact: str, engine: str, folder: str, port: str, workers: str) -> None:
    """Listen, start the processes that answer, and end them at SIGTERM."""
    doors = Doors(Section(port=int(port)), "server:floor")
    _predictor(read(Path(artefact)), engine, Path(artefact), Path(folder))  # Converted once, before all need it.
    command = [sys.executable, "-m", "benchmarks.floors.bare", artefact, engine, folder]
    descriptors = [doors.of(str(place)).fileno() for place in range(int(workers))]
    running = [subprocess.Popen([*command, str(number)], pass_fds=[number]) for number in descriptors]
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(0))
    try:
        for process in running:
            process.wait()
    finally:
        for process in running:
            process.kill()


def one(artefact: str, engine: str, folder: str, descriptor: str) -> None:
    """One of the processes that answer."""
    path = Path(artefact)
    file = read(path)
    predict = _predictor(file, engine, path, Path(folder))

    def outputs_of(rows: Rows) -> list[dict[str, Any]]:
        return [{"probability": value} for value in predict(np.array(rows, np.float32)).ravel().tolist()]

    members = [(name, float) for name in file.names or ()]
    call = callable_of(members, outputs_of, Path(folder) / f"{os.getpid()}.records")
    answer(call, Section(), int(descriptor), is_local=False, threads=1)


def callable_of(
    members: Sequence[Any], outputs_of: Callable[[Rows], list[dict[str, Any]]], records: Path
) -> Callable[..., Iterable[bytes]]:
    """The WSGI callable. `members` are an instance's, as `msgspec.defstruct` takes them, and a row has their values."""
    cells = msgspec.defstruct("Cells", members, kw_only=True, forbid_unknown_fields=True, gc=False)
    body = msgspec.defstruct("Body", [("instances", list[cells])], forbid_unknown_fields=True, gc=False)  # type: ignore[valid-type]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(body, strict=True).decode
    encode, values_of, new_id = msgspec.json.Encoder().encode, msgspec.structs.astuple, Ids()
    out = os.open(records, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        instances = decode(environ["wsgi.input"].read()).instances
        outputs = encode(outputs_of([values_of(instance) for instance in instances]))
        identity = new_id()
        record = b'{"id":"%b","at":%d,"inputs":%b,"outputs":%b}'
        os.write(out, frame(record % (identity.encode(), time.time_ns() // 1000, encode(instances), outputs)))
        answered = b'{"id":"%b","outputs":%b}' % (identity.encode(), outputs)
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answered)))])
        return [answered]

    return call


def _predictor(file: ModelFile, engine: str, path: Path, folder: Path) -> Predict:
    if engine == "exact":
        return Engine(file, 1, 1).predict
    converted, refused = converting.engine_of(path, file, folder / "engines")
    if converted is None:
        raise SystemExit(f"The model is not converted: {refused}")
    return converted.predict


if __name__ == "__main__":
    (main if len(sys.argv) == 6 else one)(*sys.argv[1:])
