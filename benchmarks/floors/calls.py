"""The library alone: `Booster.inplace_predict` for so many seconds, and how long each call took.

python -m benchmarks.floors.calls ARTEFACT MATRICES SECONDS
"""

import json
import sys
import time

import numpy as np
import xgboost


def main(artefact: str, matrices: str, seconds: str) -> None:
    """Predict for so long, and tell the time of each call."""
    booster = xgboost.Booster(model_file=artefact)
    booster.set_param({"nthread": 1})
    given = [np.ascontiguousarray(matrix) for matrix in np.load(matrices)]
    for matrix in given:
        booster.inplace_predict(matrix)
    times, turn = [], 0
    cpu, started = time.process_time(), time.perf_counter()
    now = started
    while now < started + float(seconds):
        booster.inplace_predict(given[turn % len(given)])
        turn, before, now = turn + 1, now, time.perf_counter()
        times.append(round((now - before) * 1e3, 4))
    print(json.dumps({"ms": times, "seconds": now - started, "cpu_s": time.process_time() - cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
