"""What the servers are asked to do: a model, the bodies of the requests, and the answers that the library gives."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "examples" / "flight_delay"


@dataclass(frozen=True, eq=False)
class Work:
    """`bodies[i]` is a request's JSON; `expected[i]` holds one (probability, label) for each of its instances.

    `refused` are bodies that must be answered 422.
    """

    name: str
    model: str
    artefact: Path
    bodies: list[bytes]
    expected: list[list[tuple[np.float32, str]]]
    refused: list[bytes]


def flights(count: int = 3000) -> Work:
    """Single flights of July to December 2013, which training never saw: missing weather, new destinations and all."""
    sys.path.insert(0, str(DEMO))  # The example's own modules know the data.
    from flight_data import instances, load

    artefact = DEMO / "flight-delay.ubj"
    frame = load()
    frame = frame[frame["month"] > 6].sample(count, random_state=2013)
    rows = instances(frame)
    signature = json.loads(artefact.with_name(artefact.name + ".signature.json").read_bytes())
    expected = _library_answers(artefact, signature, rows)
    bodies = [json.dumps({"instances": [row]}, separators=(",", ":")).encode() for row in rows]
    refused = [
        b'{"instances":[]}',
        b'{"instances":[{"carrier":"DL"}]}',
        b'{"instances":[{"carrier":"??","origin":"JFK","dest":"MCO","month":7,"day_of_week":1,"hour":9,"minute":0,"distance":950}]}',
        b'{"instances":[{"carrier":"DL","origin":"JFK","dest":"MCO","month":13,"day_of_week":1,"hour":9,"minute":0,"distance":950}]}',
        b'{"instances":[{"carrier":"DL","origin":"JFK","dest":"MCO","month":"7","day_of_week":1,"hour":9,"minute":0,"distance":950}]}',
        b'{"instances":[{"carrier":"DL","origin":"JFK","dest":"MCO","month":7,"day_of_week":1,"hour":9,"minute":0,"distance":950,"x":1}]}',
    ]
    return Work("flight", "flight-delay", artefact, bodies, [[answer] for answer in expected], refused)


WORKS: dict[str, Callable[[], Work]] = {"flight": flights}


def _library_answers(
    artefact: Path, signature: dict[str, Any], rows: list[dict[str, Any]]
) -> list[tuple[np.float32, str]]:
    """What `Booster.predict` says of a DMatrix, and the label that follows from the signature's threshold."""
    matrix = np.full((len(rows), len(signature["inputs"])), np.nan, np.float32)
    for place, field in enumerate(signature["inputs"]):
        codes = {category: code for code, category in enumerate(field.get("categories", ()))}
        for number, row in enumerate(rows):
            value = row.get(field["name"])
            if value is not None:
                matrix[number, place] = codes.get(value, len(codes)) if codes else value
    booster = xgboost.Booster(model_file=artefact)
    data = xgboost.DMatrix(matrix, feature_names=booster.feature_names, feature_types=booster.feature_types)
    label = next(output for output in signature["outputs"] if output["name"] == "label")
    names, threshold = label["categories"], label["threshold"]
    return [(value, names[int(value >= threshold)]) for value in booster.predict(data)]
