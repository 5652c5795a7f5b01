"""The models that are served, and what the library says to rows of theirs."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "examples" / "flight_delay"
DEMO_FILE = DEMO / "flight-delay.ubj"
FLIGHT: dict[str, Any] = {
    "carrier": "DL",
    "origin": "JFK",
    "dest": "MCO",
    "month": 7,
    "day_of_week": 1,
    "hour": 9,
    "minute": 0,
    "distance": 950,
}
# More would only make the check before each load longer.
ROWS = 500

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Model:
    """A model file with its signature beside it, the rows that are sent, and instances that must be refused.

    `rows[i]` is an instance by field name; a field may be absent where the signature says so.
    """

    name: str
    artefact: Path
    rows: list[dict[str, Any]]
    refused: list[dict[str, Any]]

    @cached_property
    def signature(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.artefact.with_name(self.artefact.name + ".signature.json").read_bytes())
        return found

    @cached_property
    def fields(self) -> list[str]:
        return [field["name"] for field in self.signature["inputs"]]

    @cached_property
    def matrix(self) -> Values:
        """The rows as the library takes them: (n, fields), NaN for missing, categories by their code."""
        matrix = np.full((len(self.rows), len(self.fields)), np.nan, np.float32)
        for place, field in enumerate(self.signature["inputs"]):
            codes = {category: code for code, category in enumerate(field.get("categories", ()))}
            for number, row in enumerate(self.rows):
                value = row.get(field["name"])
                if value is not None:
                    matrix[number, place] = codes.get(value, len(codes)) if codes else value
        return matrix

    @cached_property
    def expected(self) -> Values:
        """What `Booster.predict` says of a DMatrix: the probability of each row."""
        booster = xgboost.Booster(model_file=self.artefact)
        names, types = booster.feature_names, booster.feature_types
        found: Values = booster.predict(xgboost.DMatrix(self.matrix, feature_names=names, feature_types=types))
        return found

    def labels(self, values: Sequence[np.float32] | Values) -> list[str] | None:
        """What follows from probabilities by the signature's threshold; None of a model without labels."""
        label = next((output for output in self.signature.get("outputs", ()) if output["name"] == "label"), None)
        return None if label is None else [label["categories"][int(value >= label["threshold"])] for value in values]


def cancer(folder: Path, name: str, trees: int) -> Model:
    """Breast cancer by 30 measurements of its cells, each a float: scikit-learn's data, and rows like them."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    fields = [str(field).replace(" ", "_") for field in data.feature_names]
    given = xgboost.DMatrix(data.data.astype(np.float32), data.target, feature_names=fields)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, given, trees)
    path = folder / f"{name}.ubj"
    inputs = [{"name": field, "type": "float32", "nullable": False} for field in fields]
    path.with_name(path.name + ".signature.json").write_text(json.dumps({"inputs": inputs}))
    booster.save_model(path)
    random = np.random.default_rng(30)
    picked = data.data[random.integers(len(data.data), size=ROWS)] * random.normal(1, 0.05, size=(ROWS, len(fields)))
    rows = [{field: float(f"{value:.5g}") for field, value in zip(fields, row, strict=True)} for row in picked]
    some, first = rows[0], fields[0]
    refused: list[dict[str, Any]] = [
        {field: value for field, value in some.items() if field != first},
        some | {first: "17.99"},
        some | {first: None},
        some | {first: True},
        some | {"another": 1.0},
    ]
    return Model(name, path, rows, refused)


def flights() -> Model:
    """Single flights of July to December 2013, which training never saw: missing weather, new destinations and all."""
    sys.path.insert(0, str(DEMO))  # The example's own modules know the data.
    from flight_data import instances, load

    frame = load()
    rows = instances(frame[frame["month"] > 6].sample(ROWS, random_state=2013))
    refused = [{"carrier": "DL"}, FLIGHT | {"carrier": "??"}, FLIGHT | {"month": 13}]
    refused += [FLIGHT | {"month": "7"}, FLIGHT | {"another": 1}]
    return Model("flight-delay", DEMO_FILE, rows, refused)
