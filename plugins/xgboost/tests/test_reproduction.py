"""Every kind of model answers a kept prediction again, equal to the bit: over REST, from SQLite and from PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xgboost_zoo import CITIES, RECIPES, Animal, to_dmatrix

from mlserve.db import migrate
from mlserve.testing import Served, serving, settings_of

LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
# What float32 has beside ordinary numbers, and what is none: as texts of JSON they must come back as the same bits.
EDGES = [None, 0.0, -0.0, SMALLEST, -SMALLEST, 1e-40, 1.1754942e-38, 0.1, 16777217.0, LARGEST, -LARGEST]
NAMES = {name: name.replace(".", "-") for name in RECIPES}

numbers = st.one_of(st.sampled_from(EDGES), st.floats(width=32, allow_nan=False, allow_infinity=False))


@contextmanager
def served(zoo: Any, folder: Path, url: str) -> Iterator[Served]:
    migrate.upgrade(url, ["mlserve_xgboost:migrations"])
    models = {NAMES[name]: zoo(name).path for name in RECIPES}
    native = settings_of(folder, plugins="xgboost", models=models, database__url=url, log__way="sql")
    with serving(native) as app:
        yield app


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request, zoo, tmp_path_factory) -> Iterator[Served]:
    """One server with the whole zoo."""
    folder = tmp_path_factory.mktemp(request.param)
    url = request.getfixturevalue("postgres")() if request.param == "postgresql" else f"sqlite:///{folder}/own.db"
    with served(zoo, folder, url) as app:
        yield app


def rows_of(animal: Animal, seed: int = 3) -> list[list[Any]]:
    """Instances with every edge in some field, beside ordinary rows."""
    random = np.random.default_rng(seed)
    if not animal.on_frame:
        edges = [list(random.permutation(np.array([*EDGES, 1.5, -2.25], object))[:6]) for _ in range(20)]
        return edges + [[None if value is None else float(value) for value in row] for row in animal.rows()[:10]]
    picked = random.choice(np.array(EDGES, object), 30)
    return [
        [
            random.choice([*CITIES, None]),
            distance,
            int(random.integers(0, 9)),
            bool(number % 2),
            str(10 * (number % 3 + 1)),
        ]
        for number, distance in enumerate(picked)
    ]


def matrix_of(app: Served, model: str, rows: list[list[Any]]) -> np.ndarray:
    """What the library is given for these rows, by the server's own signature: codes of categories, NaN for missing."""
    signature = app.application.live.get(model).loaded().signature
    columns = [
        [
            np.nan if value is None else (field.categories.index(value) if field.categories else value)
            for value in column
        ]
        for field, column in zip(signature.inputs, zip(*rows, strict=True), strict=True)
    ]
    return np.array(columns, np.float64).T.astype(np.float32)


def again(app: Served, model: str, identity: str) -> dict[str, Any]:
    return app.post(f"/api/v1/models/{model}/predictions/{identity}/reproduction").json


@pytest.mark.parametrize("name", RECIPES)
def test_each_kind_of_model_comes_out_the_same(name, app, zoo):
    animal, model = zoo(name), NAMES[name]
    loaded, rows = app.application.live.get(model).loaded(), rows_of(zoo(name))
    made = app.predict(model, rows, **({"explain": True} if loaded.explains else {})).json
    told = again(app, model, made["id"])
    assert (told["verdict"], told["differences"], told["changed"]) == ("bit_equal", [], [])
    explained = {"verdict": "bit_equal", "differences": [], "more": False, "reason": None}
    assert told["explanation"] == (explained if loaded.explains else None)
    # And what was answered are the library's own bits, for the batch and for one row of it.
    booster = animal.reference()
    data = xgboost.DMatrix(
        matrix_of(app, model, rows),
        feature_names=booster.feature_names,
        feature_types=booster.feature_types,
        enable_categorical=True,
        nthread=1,
    )
    expected = animal.expected(data).reshape(len(rows), -1)
    expected[~np.isfinite(expected)] = np.nan  # A linear model leaves float32: JSON has null for that.
    for number in (None, 0, 7):
        answer = made if number is None else app.predict(model, [rows[number]]).json
        shown = expected if number is None else expected[[number]]
        numbers = [_numbers(output) for output in answer["outputs"]]
        if numbers[0]:
            wanted = shown if len(numbers[0]) == shown.shape[1] else shown[:, : len(numbers[0])]
            assert np.array_equal(np.array(numbers, np.float32), wanted, equal_nan=True)
        assert again(app, model, answer["id"])["verdict"] == "bit_equal"


def _numbers(output: dict[str, Any]) -> list[float]:
    """The first output's numbers; a label of texts or classes has none."""
    name, value = next(iter(output.items()))
    if name == "label":
        return []
    if isinstance(value, dict):
        return [*value.values()]
    return value if isinstance(value, list) else [value]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    model=st.sampled_from([name for name, recipe in RECIPES.items() if not recipe.on_frame]),
    rows=st.lists(st.lists(numbers, min_size=6, max_size=6), min_size=1, max_size=4),
)
def test_whatever_is_asked_comes_out_the_same(model, rows, app):
    made = app.predict(NAMES[model], rows).json
    assert again(app, NAMES[model], made["id"])["verdict"] == "bit_equal"


@pytest.mark.parametrize("seed", range(2))
def test_random_boosters_come_out_the_same(seed, tmp_path):
    """Other trees, depths and boosters than the zoo has, trained on the edges too."""
    random = np.random.default_rng(seed)
    models = {}
    data = random.choice(np.array([np.nan, *EDGES[1:], 0.5, 2.0], np.float32), (300, 6))
    for number in range(8):
        params = {
            "booster": str(random.choice(["gbtree", "dart", "gblinear"], p=[0.6, 0.25, 0.15])),
            "objective": str(random.choice(["binary:logistic", "reg:logistic", "binary:logitraw"])),
            "eta": float(random.uniform(0.05, 1)),
            "nthread": 1,
            "seed": seed,
        }
        if params["booster"] != "gblinear":
            params |= {"max_depth": int(random.integers(1, 9)), "lambda": float(random.uniform(0, 3))}
        finite = np.where(np.abs(data) > 1e30, 0, data) if params["booster"] == "gblinear" else data
        target = (random.random(300) < 0.4).astype(int)
        booster = xgboost.train(params, to_dmatrix(finite, target), int(random.integers(1, 30)))
        booster.save_model(path := tmp_path / f"random-{number}.ubj")
        models[f"random-{number}"] = path
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in data[:40]]
    with serving(settings_of(tmp_path, plugins="xgboost", models=models, log__way="process")) as app:
        for model in models:
            made = app.predict(model, rows, explain=True).json
            told = again(app, model, made["id"])
            assert (told["verdict"], told["explanation"]["verdict"]) == ("bit_equal", "bit_equal")
