"""Stored explanations: the family's own table, on SQLite and PostgreSQL, and what comes back out of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from sqlalchemy import insert, inspect, select, text
from xgboost_zoo import MATRIX, to_dmatrix

from mlserve.db import migrate
from mlserve.db.engine import open_database
from mlserve.testing import serving, settings_of
from mlserve_xgboost.contributions import XGBoostContributions, xgboost_contributions

LOCATION = "mlserve_xgboost:migrations"
TABLE = XGBoostContributions()
ID = "01a20568-70ce-7237-bd30-7e55a6e28e57"


def record(explanation: dict | None) -> SimpleNamespace:
    """The two fields that the table reads of a prediction's record."""
    return SimpleNamespace(id=ID, explanation=explanation and msgspec.Raw(json.dumps(explanation).encode()))


def block(name: str | None, *numbers: float | None) -> dict:
    margin, bias, *contributions = numbers
    return {"name": name, "margin": margin, "bias": bias, "contributions": dict(zip("ab", contributions, strict=True))}


SMALL, LARGE = 1.1754942e-38, 3.4028235e38
EXPLANATIONS = {
    "one block": {
        "method": "linear",
        "scale": "value",
        "instances": [{"blocks": [block(None, -0.93, -1.2, 0.1, 0.17)]}],
    },
    "classes": {
        "method": "treeshap",
        "scale": 'log of the "class"',
        "instances": [
            {"blocks": [block("apple", 1, 2, 3, 4), block("Äpfel\n", 1e-7, 0.1, -0.0, 1e-45)]},
            {"blocks": [block("apple", SMALL, LARGE, -LARGE, 16777216), block("Äpfel\n", 7, 8, 9, 10)]},
        ],
    },
    "nothing that JSON can write, and fields not kept": {
        "method": "treeshap",
        "scale": "value",
        "instances": [{"blocks": [block(None, None, None, None, 0.5)]}],
    },
}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """A database of the test's own with the core's tables and the family's."""
    made = request.getfixturevalue("postgres")() if request.param == "postgresql" else f"sqlite:///{tmp_path}/own.db"
    migrate.upgrade(made, [LOCATION])
    return made


@pytest.fixture
def database(url) -> Iterator:
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", EXPLANATIONS)
def test_an_explanation_comes_back_as_it_was(name, database):
    rows = TABLE.rows(record(EXPLANATIONS[name]))
    assert json.loads(TABLE.explanation(rows)) == EXPLANATIONS[name]
    with database.write() as connection:
        connection.execute(insert(TABLE.table), rows)
    with database.read() as connection:
        found = connection.execute(select(TABLE.table).order_by(TABLE.table.c.block.desc())).mappings().all()
    assert len(found) == sum(len(instance["blocks"]) for instance in EXPLANATIONS[name]["instances"])
    assert json.loads(TABLE.explanation(found)) == EXPLANATIONS[name]


def test_no_explanation_has_no_rows():
    assert TABLE.rows(record(None)) == []


def test_what_is_no_explanation_is_refused():
    with pytest.raises(msgspec.ValidationError):
        TABLE.rows(record({"method": "treeshap", "scale": "value", "instances": [{"blocks": [{"name": None}]}]}))


def test_the_migration_makes_the_table_that_is_written(database):
    table = xgboost_contributions
    with database.read() as connection:
        found = {column["name"]: column for column in inspect(connection).get_columns(table.name)}
        assert inspect(connection).get_pk_constraint(table.name)["constrained_columns"] == [
            *table.primary_key.columns.keys()
        ]
        assert [*found] == [*table.columns.keys()]
        assert {name: column["nullable"] for name, column in found.items()} == {
            column.name: column.nullable for column in table.columns
        }
        compiled = {column.name: column.type.compile(connection.dialect) for column in table.columns}
        assert {name: column["type"].compile(connection.dialect) for name, column in found.items()} == compiled
    assert migrate.is_current(database, [LOCATION])


@pytest.mark.parametrize("way", ["sql", "process"])
def test_what_was_answered_is_what_is_kept(way, url, database, zoo, tmp_path):
    animals = {
        "fruit": "softprob-3",
        "hinge": "binary-hinge",
        "quantiles": "quantile-3",
        "line": "linear",
        "dart": "dart",
    }
    models = {name: zoo(animal).path for name, animal in animals.items()}
    settings = settings_of(tmp_path, plugins="xgboost", models=models, database__url=url, log__way=way)
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in MATRIX[:20]]
    answers = {}
    with serving(settings) as app:
        for model in models:
            answers[model] = app.predict(model, rows, explain=True).json
            path = f"/api/v1/models/{model}/predictions/{answers[model]['id']}/explanation"
            kept = app.get(path).json
            assert kept["stored"] is True
            assert kept["explanation"] == answers[model]["explanation"]
            booster = zoo(animals[model]).reference()
            contributions = booster.predict(to_dmatrix(MATRIX[:20]), pred_contribs=True, strict_shape=True)
            got = [
                [[*block["contributions"].values(), block["bias"]] for block in instance["blocks"]]
                for instance in kept["explanation"]["instances"]
            ]
            assert np.array_equal(np.array(got, np.float32), contributions)
        plain = app.predict("fruit", rows).json
        assert "explanation" not in plain
    # Stopping has shipped what was still in the spool.
    with database.read() as connection:
        for answer in answers.values():
            query = select(TABLE.table).where(TABLE.table.c.prediction_id == answer["id"])
            assert json.loads(TABLE.explanation(connection.execute(query).mappings().all())) == answer["explanation"]
        query = select(TABLE.table).where(TABLE.table.c.prediction_id == plain["id"])
        assert connection.execute(query).all() == []


def test_the_sql_of_the_readme_runs(database):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (statement,) = re.findall(r"^```sql xgboost\n(.*?);\n```$", readme, re.MULTILINE | re.DOTALL)
    with database.read() as connection:
        assert connection.execute(text(statement)).all() == [(None, None)]
