"""The command `mlserve`, verb by verb, on a real INI with its own database."""

import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, func, select, update

from mlserve.cli import VERBS, main
from mlserve.cli.bundles import bundles
from mlserve.cli.db import db
from mlserve.cli.keys import keys
from mlserve.cli.users import users
from mlserve.cli.webhooks import webhooks
from mlserve.db.engine import open_database
from mlserve.predictions.tables import predictions
from tests.factories import linear_model
from tests.functional.hostile import flights_model

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "tests" / "packages"


GROUPS = {"bundles": bundles, "db": db, "keys": keys, "users": users, "webhooks": webhooks}


def write_ini(folder: Path, **settings: str) -> Path:
    keys = {"plugins": "mlserve_linear xgboost", "models.line": str(linear_model(folder)), **settings}
    lines = [f"mlserve.{key.replace('__', '.')} = {value}" for key, value in keys.items()]
    ini = folder / "server.ini"
    ini.write_text("[app:main]\nuse = egg:pyramid-mlserve\n" + "\n".join(lines) + "\n")
    return ini


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    return write_ini(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An INI whose database is made once, for tests that look at what they add only."""
    ini = write_ini(tmp_path_factory.mktemp("shared"))
    run("db upgrade", ini)
    return ini


def run(verb: str, *arguments: object, stdin: str | bytes | None = None, status: int = 0) -> Result:
    """A verb that ends as it should: without a traceback, whatever its status."""
    done = CliRunner().invoke(main, [*verb.split(), *map(str, arguments)], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done


def objects(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def kept(ini: Path, model: str = "line", *more: object) -> list[dict[str, Any]]:
    return objects(run("predictions", ini, model, "--format", "json", *more))


def count(ini: Path) -> int:
    """How many predictions the database has, without the program."""
    with opened(ini) as connection:
        found: int = connection.scalar(select(func.count()).select_from(predictions))
    return found


@contextmanager
def opened(ini: Path) -> Iterator[Connection]:
    database = open_database(f"sqlite:///{ini.parent / 'var' / 'mlserve.db'}")
    with database.write() as connection:
        yield connection
    database.close()


def saved(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_every_verb_has_a_help_that_says_what_it_does() -> None:
    verbs = [(name, verb_named(name)) for name in VERBS]
    verbs += [(f"{group} {name}", verb) for group, its in GROUPS.items() for name, verb in its.commands.items()]
    assert len(verbs) >= 20
    for name, verb in verbs:
        assert str(verb.help).partition("\n")[0] in " ".join(run(name, "--help").output.split())


def verb_named(name: str) -> click.Command:
    verb = main.get_command(click.Context(main), name)
    assert verb is not None
    return verb


def test_the_lists_of_verbs_cut_nothing_short() -> None:
    assert {name: str(verb_named(name).help).partition("\n")[0] for name in VERBS} == VERBS
    for name in ("", "db"):
        assert "..." not in run(name, "--help").output.partition("Commands:")[2]
    assert run("chek", status=2).stderr.endswith("No such command 'chek'.\n")


def test_the_list_of_verbs_imports_none_of_them() -> None:
    code = (
        "import sys; from mlserve.cli import main; main(['--help'], standalone_mode=False); "
        "assert not {'pyramid', 'sqlalchemy', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


ON_AN_INI = [name for name in VERBS if name not in {*GROUPS, "new-plugin", "package", "test", "verify"}]
ARGUMENTS = {
    "predict": ["line"],
    "predictions": ["line"],
    "reproduce": ["01a20570-0000-7d0a-b72e-04f7f6db33c1"],
    "show": ["line"],
    "deploy": ["."],
    "promote": ["line", "1"],
    "rollback": ["line"],
    "unalias": ["line", "challenger"],
    "history": ["line"],
    "retire": ["line", "1"],
    "db purge": ["--older-than", "1d"],
    "keys create": ["app", "--role", "predict"],
    "keys revoke": ["app"],
    "users add": ["ada", "--role", "predict"],
    "users remove": ["ada"],
    "users password": ["ada"],
    "webhooks test": ["ops"],
    "webhooks enable": ["ops"],
    "webhooks remove": ["ops"],
}


@pytest.mark.parametrize(
    "verb", [*ON_AN_INI, *(f"{group} {name}" for group in GROUPS for name in GROUPS[group].commands)]
)
def test_a_file_that_is_no_ini_is_told_in_one_sentence(tmp_path: Path, verb: str) -> None:
    page = saved(tmp_path, "README.md", "# Title\n")
    said = run(verb, page, *ARGUMENTS.get(verb, []), status=1).output
    assert said == f"mlserve cannot start: {page} is not an INI: give a file that ends in .ini.\n"


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("", "server.ini has no section [server:main]."),
        ("[server:main]\nport = 65 43\n", "port of [server:main] in {ini} is '65 43': write a whole number from 0 to"),
        ("[server:main]\nport = 65536\n", "port of [server:main] in {ini} is '65536'"),
        ("[server:main]\nport =\n", "port of [server:main] in {ini} is ''"),
        (
            "[server:main]\nhost = http://x\n",
            "host of [server:main] in {ini} is 'http://x': write a name or an address",
        ),
        ("[server:main]\nhost =\n", "host of [server:main] in {ini} is ''"),
        (
            "[server:main]\n",
            "[server:main] of {ini} does not say which server: write use = egg:pyramid-mlserve#waitress.",
        ),
        (
            "[server:main]\nuse = egg:pyramid-mlserve#of-tomorrow\n",
            "[server:main] of {ini} says use = egg:pyramid-mlserve#of-tomorrow, which is not installed here: "
            "after an update of a clone run make demo, or pip install -e plugins/client -e .",
        ),
        (
            "[server:main]\nuse = egg:pyramid-mlserve#waitres\n",
            "which is not installed here: did you mean use = egg:pyramid-mlserve#waitress? Else, after an update",
        ),
        (
            "[server:main]\nuse = egg:nowhere-to-be-found#main\n",
            "says use = egg:nowhere-to-be-found#main, which is not installed here: install it, or write use = egg:pyra",
        ),
    ],
)
def test_check_looks_at_the_section_of_the_server(ini: Path, server: str, says: str) -> None:
    ini.write_text(ini.read_text() + server)
    done = run("check", ini, status=1)
    assert says.format(ini=ini) in done.output
    assert done.output.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "*", "a-b.example"])
def test_check_says_when_no_model_is_declared(tmp_path: Path, host: str) -> None:
    ini = saved(
        tmp_path,
        "server.ini",
        "[app:main]\nuse = egg:pyramid-mlserve\nmlserve.auth.open = true\n"
        "[server:main]\nuse = egg:pyramid-mlserve#waitress\n"
        f"host = {host}\nport = 6543\n",
    )
    assert run("check", ini).stdout == (
        f"{ini} is well: plugins none; no model is declared: add mlserve.models.NAME = path, or mlserve deploy one.\n"
    )


def test_check_names_models_of_settings_that_there_are_not(tmp_path: Path) -> None:
    ini = write_ini(tmp_path, plugins="mlserve_linear oip", oip__matrix="line lien")
    ini.write_text(f"{ini.read_text()}[server:main]\nuse = egg:pyramid-mlserve#waitress\nhost = 127.0.0.1\n")
    told = "mlserve.oip.matrix names 'lien', which is no model here; did you mean 'line'?\n"
    assert run("check", ini).stderr == told


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_serve_says_when_the_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        made = [".venv/.installed", "examples/flight_delay/flight-delay.ubj"]
        command = ["make", "serve", f"BIN={Path(sys.executable).parent}", f"PORT={port}"]
        done = subprocess.run(
            [*command, *(f"--assume-old={name}" for name in made)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode != 0
    assert f"port {port} is in use: stop the other server, or change port in development.ini\n" in done.stderr
    assert "Serving" not in done.stdout


def test_an_ini_that_is_not_there_is_named() -> None:
    assert "nowhere.ini" in run("check", "nowhere.ini", status=2).output


def test_plugins_tells_enabled_from_installed_ones(tmp_path: Path) -> None:
    rows = run("plugins", write_ini(tmp_path, plugins="mlserve_linear")).stdout.splitlines()
    found = {line.split()[0]: line.split() for line in rows[1:]}
    assert found["mlserve_linear"][-2:] == ["yes", "linear"]
    assert found["xgboost"][1] == "pyramid-mlserve-xgboost"
    assert found["xgboost"][-1] == "no"


def test_plugins_without_an_ini_are_those_that_are_installed() -> None:
    found = {line.split()[0]: line.split()[1:] for line in run("plugins").stdout.splitlines()}
    assert found["plugin"] == ["distribution", "version", "contract"]
    assert found["xgboost"][0] == "pyramid-mlserve-xgboost"


def test_routes_lists_each_model_s_resources_with_their_verbs(tmp_path: Path) -> None:
    ini = write_ini(tmp_path, models__flights=str(flights_model(tmp_path)))
    rows = [line.split() for line in run("routes", ini).stdout.splitlines()[1:]]
    found = {(row[0], row[-1]): (row[1:-2], row[-2]) for row in rows}
    assert found["line", "linear.predictions"] == (["GET", "POST"], "/api/v1/models/line/predictions")
    assert found["line", "linear.review"] == (["GET", "PUT"], "/api/v1/models/line/review")
    assert found["flights", "xgboost.importance"] == (["GET"], "/api/v1/models/flights/importance")
    assert found["line", "model"] == (["GET"], "/api/v1/models/line")
    assert found["flights", "prediction_actuals"] == (["GET", "PUT"], "/api/v1/models/flights/predictions/{id}/actuals")
    assert not (tmp_path / "var").exists()


def test_models_lists_versions_in_the_order_of_their_arrival(tmp_path: Path, ini: Path) -> None:
    run("predict", ini, "line", stdin="[[1, 2]]")
    linear_model(tmp_path, intercept=7.0)
    run("predict", ini, "line", stdin="[[1, 2]]")
    rows = [line.split() for line in run("models", ini).stdout.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["line", "1", "linear"], ["line", "2", "linear"]]
    assert len({row[3] for row in rows}) == 2


ROWS = [{"x": 1.5, "y": 2}, {"x": -1, "y": 0.25}]
LINES = "\n".join(map(json.dumps, ROWS))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.json", json.dumps(ROWS)),
        ("rows.json", json.dumps([list(row.values()) for row in ROWS])),
        ("rows.json", json.dumps({"instances": ROWS})),
        ("rows.json", json.dumps({"columns": {"x": [1.5, -1], "y": [2, 0.25]}, "reference": None})),
        ("rows.json", "\ufeff" + json.dumps(ROWS, indent=2)),
        ("rows.jsonl", LINES),
        ("rows.jsonl", LINES.replace("\n", "\r\n\n") + "\n"),
        ("rows.csv", "x,y\n1.5,2\n-1,0.25\n"),
        ("ROWS.CSV", 'y,x\r\n"2","1.5"\r\n0.25,-1\r\n'),
    ],
    ids=["objects", "arrays", "body", "columns", "bom", "lines", "blank lines", "csv", "csv of windows"],
)
def test_predict_answers_every_form_of_a_file(tmp_path: Path, shared: Path, name: str, text: str) -> None:
    answers = objects(run("predict", shared, "line", saved(tmp_path, name, text)))
    assert [(row["instance"], row["value"]) for row in answers] == [(0, 2.0), (1, -1.25)]
    (record,) = kept(shared, "line", "--limit", 1)
    assert record["id"] == answers[0]["prediction"]
    assert record["inputs"] == [{"x": 1.5, "y": 2.0}, {"x": -1.0, "y": 0.25}]
    assert record["caller"] == "cli"


@pytest.mark.parametrize(("source", "text"), [("json", LINES), ("csv", "x,y\n1.5,2\n-1,0.25\n")])
def test_predict_reads_standard_input_too(shared: Path, source: str, text: str) -> None:
    for arguments in ([], ["-"]):
        answers = objects(run("predict", shared, "line", *arguments, "--from", source, stdin=text))
        assert [row["value"] for row in answers] == [2.0, -1.25]


def test_predict_takes_one_object_and_keeps_the_reference(ini: Path) -> None:
    run("predict", ini, "line", "--reference", "run 7", stdin='{"x": 1, "y": 1}')
    run("predict", ini, "line", stdin='{"instances": [[1, 1]], "reference": "of the body"}')
    assert [record["reference"] for record in kept(ini)] == ["of the body", "run 7"]
    assert len(kept(ini, "line", "--reference", "run 7")) == 1


def test_predict_writes_csv_with_the_values_that_json_has(tmp_path: Path) -> None:
    ini = write_ini(tmp_path, models__flights=str(flights_model(tmp_path)))
    text = "city,distance,stops,weekend\nOslo,120.5,1,true\n,,8,0\n"
    rows = saved(tmp_path, "rows.csv", text)
    plain = objects(run("predict", ini, "flights", rows))
    table = list(csv.DictReader(io.StringIO(run("predict", ini, "flights", rows, "--to", "csv").stdout)))
    assert [row["label"] for row in table] == [row["label"] for row in plain]
    assert [json.loads(row["probability"]) for row in table] == [row["probability"] for row in plain]
    assert kept(ini, "flights")[0]["inputs"][1] == {"city": None, "distance": None, "stops": 8, "weekend": False}


@pytest.mark.parametrize(
    ("source", "text", "says"),
    [
        ("json", '[{"x": 1, "y": 2}, {"x": "a", "y": 2}]', ["row 2, field x", 'got "a"', "(type)"]),
        ("json", '{"columns": {"x": [1, 2], "y": [3, null]}}', ["row 2, field y", "(null)"]),
        ("json", '{"columns": {"x": [1, 2], "y": [3]}}', ["field y", "(length)"]),
        ("json", '{"columns": {}}', ["(required)", "field x"]),
        ("json", '{"columns": 1}', ["/columns", "(type)"]),
        ("json", '{"instances": [[1, 2]], "columns": {}}', ["instances or columns"]),
        ("json", '{"instances": [[1, 2]], "reference": 5}', ["field reference", "(type)"]),
        ("json", '{"x": 1, "y": 2, "z": 3}', ["row 1, field z", "(unknown_field)"]),
        ("json", '{"x": 1, "y": 1e999}', ["not JSON"]),
        ("json", '{"x": 1, "y": 2}\n{"x": 1,', ["Line 2 of the file", "not JSON"]),
        ("json", '{"x": 1,', ["not JSON"]),
        ("json", "7", ["neither an object nor an array"]),
        ("json", "[" * 100, ["levels deep"]),
        ("json", " ", ["The file is empty"]),
        ("csv", "", ["The file is empty"]),
        ("csv", "x,y\n1,2\n1,two\n", ["row 2, field y", 'got "two"', "(type)"]),
        ("csv", "x,y\n1,\n", ["row 1, field y", "(null)"]),
        ("csv", "x\n1\n", ["row 1, field y", "(required)"]),
        ("csv", "x,y,z\n1,2,3\n", ["row 1, field z", "(unknown_field)"]),
        ("csv", "x,y\n1,2\n1,2,3\n", ["row 2", "2 cells", "got 3"]),
        ("csv", "x,y\n1\n", ["row 1", "2 cells", "got 1"]),
        ("csv", "x,x\n1,2\n", ["names 'x' twice"]),
        ("csv", 'x,y\n1,"2\n', ["not CSV"]),
        ("csv", "x,y\n1," + "9" * 200_000, ["not CSV"]),
    ],
)
def test_predict_names_row_and_field_of_what_is_wrong_and_keeps_nothing(
    shared: Path, source: str, text: str, says: list[str]
) -> None:
    before = count(shared)
    done = run("predict", shared, "line", "--from", source, stdin=text, status=1)
    assert done.stdout == ""
    for words in says:
        assert words in done.stderr
    assert count(shared) == before


def test_predict_counts_rows_over_the_whole_file_and_says_what_is_done(tmp_path: Path) -> None:
    ini = write_ini(tmp_path, limits__instances="10")
    rows = [[number, 0] for number in range(25)]
    rows[23] = ["x", 0]
    for text, source in (
        (json.dumps(rows), "json"),
        (json.dumps({"columns": {"x": [row[0] for row in rows], "y": [0] * 25}}), "json"),
        ("x,y\n" + "".join(f"{x},{y}\n" for x, y in rows), "csv"),
    ):
        done = run("predict", ini, "line", "--from", source, stdin=text, status=1)
        assert len(done.stdout.splitlines()) == 20
        assert "row 24, field x" in done.stderr
        assert "The 20 rows before are answered and kept" in done.stderr
    assert [record["instances"] for record in kept(ini)] == [10] * 6


def test_predict_of_bytes_that_are_no_text_and_of_an_unknown_model(shared: Path) -> None:
    assert "not UTF-8" in run("predict", shared, "line", stdin=b'[{"x": "\xff"}]', status=1).stderr
    assert "not UTF-8" in run("predict", shared, "line", "--from", "csv", stdin=b"x,y\n\xff,1", status=1).stderr
    unknown = run("predict", shared, "nope", stdin="[[1, 2]]", status=1).stderr
    assert unknown == "Error: There is no model 'nope' here.\n"


def test_predict_of_csv_that_is_not_called_csv_says_how(tmp_path: Path, shared: Path) -> None:
    rows = saved(tmp_path, "rows.txt", "x,y\n1,2\n")
    assert "(CSV? say --from csv)" in run("predict", shared, "line", rows, status=1).stderr
    assert "CSV?" not in run("predict", shared, "line", rows, "--from", "json", status=1).stderr
    assert "CSV?" not in run("predict", shared, "line", saved(tmp_path, "a.txt", '[{"x": 1,'), status=1).stderr


def test_predict_through_the_spool_is_in_sql_when_it_ends(tmp_path: Path) -> None:
    ini = write_ini(tmp_path, log__way="process")
    (answer,) = objects(run("predict", ini, "line", stdin="[[1, 2]]"))
    assert [record["id"] for record in kept(ini)] == [answer["prediction"]]


def test_predict_is_no_worker_that_metrics_tell_of(tmp_path: Path) -> None:
    ini = write_ini(tmp_path)
    run("predict", ini, "line", stdin="[[1, 2]]")
    assert not (tmp_path / "var" / "metrics").exists()


def fill(ini: Path) -> list[dict[str, Any]]:
    """Three predictions: two versions, two references; the oldest is ten days old. As JSON, newest first."""
    run("predict", ini, "line", "--reference", "a", stdin="[[1, 2]]")
    run("predict", ini, "line", "--reference", "b, c", stdin="[[3, 4]]")
    linear_model(ini.parent, intercept=7.0)
    run("predict", ini, "line", stdin="[[5, 6], [7, 8]]")
    records = kept(ini)
    with opened(ini) as connection:
        old = update(predictions).where(predictions.c.id == records[-1]["id"])
        connection.execute(old.values(created_at=datetime.now(UTC) - timedelta(days=10)))
    return records


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An INI whose predictions are only read."""
    return write_ini(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def filled(archive: Path) -> list[dict[str, Any]]:
    return fill(archive)


def test_predictions_come_as_table_json_and_csv(archive: Path, filled: list[dict[str, Any]]) -> None:
    ids = [record["id"] for record in filled]
    table = run("predictions", archive, "line").stdout.splitlines()
    assert [line.split()[0] for line in table[1:]] == ids
    rows = list(csv.DictReader(io.StringIO(run("predictions", archive, "line", "--format", "csv").stdout)))
    assert [row["id"] for row in rows] == ids
    assert [row["reference"] for row in rows] == ["", "b, c", "a"]
    assert json.loads(rows[0]["outputs"]) == filled[0]["outputs"]
    assert filled[2]["outputs"] == [{"value": 1.0}]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--limit", 2], [0, 1]),
        (["--version", 1], [1, 2]),
        (["--reference", "a"], [2]),
        (["--caller", "cli", "--version", 2], [0]),
        (["--caller", ""], []),
        (["--since", f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"], [0, 1]),
        (["--until", f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"], [2]),
        (["--since", "0999-01-01"], [0, 1, 2]),
        (["--until", f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d %H:%M:%SZ}"], [2]),
        (["--since", "1999-01-01T12:30+02:00"], [0, 1, 2]),
    ],
)
def test_predictions_are_filtered(
    archive: Path, filled: list[dict[str, Any]], filters: list[Any], found: list[int]
) -> None:
    assert [record["id"] for record in kept(archive, "line", *filters)] == [filled[place]["id"] for place in found]


def test_a_time_that_the_list_itself_prints_is_a_filter(archive: Path, filled: list[dict[str, Any]]) -> None:
    newest = run("predictions", archive, "line", "--format", "csv", "--limit", 1).stdout.splitlines()[1].split(",")[1]
    assert newest.endswith("Z")
    assert [record["id"] for record in kept(archive, "line", "--since", newest)] == [filled[0]["id"]]
    assert [record["id"] for record in kept(archive, "line", "--until", newest)] == [row["id"] for row in filled[1:]]


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("text", ["yesterday", "0001-01-01T00:00:00+01:00"])
def test_what_is_no_time_is_shown_one(shared: Path, option: str, text: str) -> None:
    said = run("predictions", shared, "line", option, text, status=2).stderr
    assert f"'{option}': '{text}' is not a time such as 2026-11-22T18:30:00Z or 2026-11-22." in " ".join(said.split())
    assert f"{option} TIME" in run("predictions", "--help").stdout


def test_a_model_that_has_made_no_predictions_is_told_from_one_that_is_not_there(ini: Path) -> None:
    run("db upgrade", ini)
    assert run("predictions", ini, "line").stderr == "No predictions.\n"
    assert run("predictions", ini, "lime", status=1).stderr == (
        "Error: There is no model 'lime' here; did you mean 'line'?\n"
    )
    assert run("predictions", ini, "zzz", status=1).stderr == "Error: There is no model 'zzz' here.\n"


def test_a_model_that_is_registered_only_still_has_its_predictions(ini: Path) -> None:
    run("predict", ini, "line", stdin="[[1, 2]]")
    ini.write_text(ini.read_text().replace("mlserve.models.line", "mlserve.models.other"))
    assert len(kept(ini)) == 1
    assert run("predictions", ini, "line", "--caller", "nobody").stderr == "No predictions.\n"


@pytest.mark.parametrize("bad", [["--limit", 0], ["--since", "yesterday"], ["--version", 2**31], ["--format", "xml"]])
def test_predictions_refuse_what_a_filter_cannot_mean(shared: Path, bad: list[Any]) -> None:
    assert bad[0] in run("predictions", shared, "line", *bad, status=2).stderr


def test_db_upgrade_makes_the_tables_and_current_tells(ini: Path) -> None:
    assert "run mlserve db upgrade" in run("db current", write_ini(ini.parent, var="."), status=1).stdout
    upgraded = run("db upgrade", ini).stdout
    assert re.search(r"at \d{4}, linear_\d+", upgraded)  # the core's and the plugin's
    assert run("db current", ini).stdout.endswith(": up to date.\n")
    assert kept(ini) == []


def test_db_purge_removes_what_is_old_and_dry_run_only_counts(ini: Path) -> None:
    filled = fill(ini)
    assert run("db purge", ini, "--older-than", "7d", "--dry-run").stdout.startswith("1 predictions older than ")
    assert len(kept(ini)) == 3
    assert run("db purge", ini, "--older-than", "7d").stdout.endswith("were removed.\n")
    assert [record["id"] for record in kept(ini)] == [record["id"] for record in filled[:2]]


def test_db_purge_takes_the_age_of_the_ini_and_refuses_none(tmp_path: Path) -> None:
    ini = write_ini(tmp_path)
    run("db upgrade", ini)
    assert "retention.age" in run("db purge", ini, status=2).stderr
    assert "--older-than" in run("db purge", ini, "--older-than", "soon", status=2).stderr
    assert "0 predictions" in run("db purge", write_ini(tmp_path, retention__age="30d")).stdout


@pytest.mark.parametrize("verb", ["models", "predictions"])
def test_a_verb_on_a_database_that_is_not_there_says_so_in_one_sentence(tmp_path: Path, verb: str) -> None:
    ini = write_ini(tmp_path, database__url=f"sqlite:///{tmp_path}/nowhere/mlserve.db")
    arguments = [ini, "line"] if verb == "predictions" else [ini]
    done = run(verb, *arguments, status=1)
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: The database cannot be used")


def test_the_program_itself_writes_whole_rows_into_a_pipe(ini: Path) -> None:
    run("predict", ini, "line", "--reference", "r" * 200, stdin=json.dumps([[1, 2]] * 50))
    command = [str(Path(sys.executable).with_name("mlserve")), "predictions", str(ini), "line"]
    environ = {**os.environ, "PYTHONPATH": str(PACKAGES), "COLUMNS": "40"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environ, timeout=60)
    assert done.stderr == ""
    assert len(lines := done.stdout.splitlines()) == 2
    assert "r" * 200 in lines[1]
    assert lines[1].rstrip().endswith('[{"value":1.0},{"value":1.0}, … 48 more]')
