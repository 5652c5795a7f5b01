"""Migrations make what the tables say, once, whoever comes first; plugins add theirs."""

import logging
import sys
import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import mlserve.auth.tables
import mlserve.events.tables
import mlserve.predictions.tables
import mlserve.registry.tables
from mlserve.db import migrate
from mlserve.db.engine import Database, open_database
from mlserve.db.metadata import metadata
from mlserve.errors import ConfigurationError, DatabaseUnavailable
from mlserve.registry import service
from mlserve.registry.registered import read_registered
from tests.conftest import new_postgres_database

# The core's last revision.
HEAD = ScriptDirectory.from_config(migrate._config(())).get_current_head()

assert mlserve.auth.tables
assert mlserve.predictions.tables
assert mlserve.registry.tables
assert mlserve.events.tables


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.read() as connection:
        options = {"version_table": migrate.VERSION_TABLE, "compare_type": False}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        assert differences == []
        found = inspect(connection)
        for table in metadata.tables.values():
            made = {
                column["name"]: (str(column["type"]), column["nullable"]) for column in found.get_columns(table.name)
            }
            meant = {column.name: (column.type.compile(database.engine.dialect), column.nullable) for column in table.c}
            assert {name: made[name][1] for name in made} == {name: meant[name][1] for name in meant}
            assert {name: made[name][0].split("(")[0].split(" ")[0] for name in made} == {
                name: meant[name][0].split("(")[0].split(" ")[0].replace("FLOAT", _float(database)) for name in meant
            }


def _float(database: Database) -> str:
    return "DOUBLE" if database.dialect == "postgresql" else "FLOAT"


def test_a_migrated_database_is_current_and_a_second_run_changes_nothing(database: Database, database_url: str) -> None:
    assert migrate.is_current(database)
    assert migrate.upgrade(database_url) == list(migrate.current(database)) == [HEAD]


def test_an_empty_database_is_not_current(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/empty.db")
    assert migrate.current(database) == ()
    assert not migrate.is_current(database)
    database.close()


def test_of_many_that_start_at_once_one_migrates(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    heads: list[list[str]] = []
    threads = [threading.Thread(target=lambda: heads.append(migrate.upgrade(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heads == [[HEAD]] * 4


def test_who_cannot_get_the_lock_says_so(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url)
    lock = tmp_path / "lock"
    refused = pytest.raises(DatabaseUnavailable, match="Another process is migrating")
    with migrate._alone(database_url, database, lock, patience=0), refused:
        migrate.upgrade(database_url, lock_path=lock, patience=0)
    assert migrate.upgrade(database_url, lock_path=lock) == [HEAD]
    database.close()


def test_a_database_of_a_newer_version_is_refused(database: Database, database_url: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE mlserve_alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"revision 9999, which is not known here: .*newer version"):
        migrate.upgrade(database_url)
    assert not migrate.is_current(database)


_PLUGIN = """
from alembic import op
revision = "flavour0001"
down_revision = None
branch_labels = ("flavour",)
depends_on = "0001"
def upgrade():
    op.execute("CREATE TABLE flavour (id INTEGER)")
    {more}
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable plugin package that brings a folder of migrations; the file to write one into."""
    folder = tmp_path / "packages" / "mlserve_flavour"
    (folder / "migrations").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "mlserve_flavour", raising=False)
    return folder / "migrations" / "0001_flavour.py"


def test_a_plugin_adds_its_own_location(database: Database, database_url: str, plugin: Path) -> None:
    plugin.write_text(_PLUGIN.format(more=""))
    location = "mlserve_flavour:migrations"
    assert not migrate.is_current(database, [location])
    # It depends on the core's head, which stays beside it.
    assert migrate.upgrade(database_url, [location]) == [HEAD, "flavour0001"]
    assert migrate.is_current(database, [location])
    with database.read() as connection:
        assert "flavour" in inspect(connection).get_table_names()


def test_a_migration_that_fails_leaves_nothing_behind(database: Database, database_url: str, plugin: Path) -> None:
    plugin.write_text(_PLUGIN.format(more="raise RuntimeError('half way')"))
    with pytest.raises(RuntimeError, match="half way"):
        migrate.upgrade(database_url, ["mlserve_flavour:migrations"])
    with database.read() as connection:
        assert "flavour" not in inspect(connection).get_table_names()
    assert migrate.current(database) == (HEAD,)


LINEAR = "mlserve_linear:migrations"


def test_a_plugin_that_is_switched_off_leaves_its_tables_and_may_come_back(
    database: Database, database_url: str, plugin: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin.write_text(_PLUGIN.format(more=""))
    flavour = "mlserve_flavour:migrations"
    assert migrate.upgrade(database_url, [LINEAR]) == [HEAD, "linear_0002"]
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "mlserve.database"):
        for locations, heads in (
            ([], [HEAD, "linear_0002"]),
            ([flavour], [HEAD, "flavour0001", "linear_0002"]),  # One goes, another comes.
            ([], [HEAD, "flavour0001", "linear_0002"]),  # The one that depends on the core's is gone too.
            ([LINEAR], [HEAD, "flavour0001", "linear_0002"]),
            ([LINEAR, flavour], [HEAD, "flavour0001", "linear_0002"]),
        ):
            assert migrate.upgrade(database_url, locations) == heads
            assert migrate.is_current(database, locations)
    told = [record.fields["revisions"] for record in caplog.records]  # type: ignore[attr-defined]
    assert told == [["linear_0002"], ["linear_0002"], ["flavour0001", "linear_0002"], ["flavour0001"]]
    with database.read() as connection:
        assert {"linear_reviews", "linear_contributions", "flavour"} <= set(inspect(connection).get_table_names())


def test_a_plugin_that_comes_back_newer_is_upgraded_and_an_older_one_refused(
    database: Database, database_url: str
) -> None:
    migrate.upgrade(database_url, [LINEAR])
    with database.write() as connection:
        connection.execute(
            text(f"UPDATE mlserve_alembic_version SET version_num = 'linear_0001' WHERE version_num <> '{HEAD}'")
        )
        connection.execute(text("DROP TABLE linear_contributions"))
    migrate.upgrade(database_url)
    assert not migrate.is_current(database, [LINEAR])
    assert migrate.upgrade(database_url, [LINEAR]) == [HEAD, "linear_0002"]
    with database.write() as connection:
        connection.execute(
            text(f"UPDATE mlserve_alembic_version SET version_num = 'linear_0003' WHERE version_num <> '{HEAD}'")
        )
    with pytest.raises(ConfigurationError, match=r"linear_0003, which is not known here: .* or of a plugin\."):
        migrate.upgrade(database_url, [LINEAR])
    assert not migrate.is_current(database, [LINEAR])
    assert migrate.is_current(database)


def test_a_newer_core_is_refused_beside_a_plugin_s_head_too(
    database: Database, database_url: str, plugin: Path
) -> None:
    plugin.write_text(_PLUGIN.format(more=""))
    migrate.upgrade(database_url, [flavour := "mlserve_flavour:migrations"])
    for newer in ("9999", "core_two"):
        with database.write() as connection:
            connection.execute(
                text("UPDATE mlserve_alembic_version SET version_num = :newer WHERE version_num <> 'flavour0001'"),
                {"newer": newer},
            )
        for locations in ([], [flavour]):
            with pytest.raises(ConfigurationError, match=f"{newer}.* newer version"):
                migrate.upgrade(database_url, locations)
            assert not migrate.is_current(database, locations)


def test_a_database_whose_core_revision_alembic_left_out_gets_it_back(
    database: Database, database_url: str, plugin: Path
) -> None:
    plugin.write_text(_PLUGIN.format(more="").replace('depends_on = "0001"', f'depends_on = "{HEAD}"'))
    migrate.upgrade(database_url, [flavour := "mlserve_flavour:migrations"])
    with database.write() as connection:
        connection.execute(text(f"DELETE FROM mlserve_alembic_version WHERE version_num = '{HEAD}'"))
    assert migrate.is_current(database, [flavour])
    assert migrate.upgrade(database_url, [flavour]) == [HEAD, "flavour0001"]


# What a server of the first release has written: a version, a prediction of it, and what really happened, twice.
_FIRST_RELEASE = (
    "INSERT INTO models (name, created_at) VALUES ('line', '2026-01-01T00:00:00.000000Z')",
    "INSERT INTO versions (model, number, digest, family, signature, manifest, created_at)"
    """ VALUES ('line', 1, 'd', 'linear', '{"inputs": []}', '{"content": {}}', '2026-01-01T00:00:00.000000Z')""",
    "INSERT INTO predictions (id, format, model, version, digest, family, engine, plugin, library, asked, alias,"
    " caller, created_at, duration_us, n, inputs, outputs, idempotency_key, body_digest) VALUES"
    " ('01a20570-0000-7d0a-b72e-04f7f6db33c1', 1, 'line', 1, 'd', 'linear', 'exact', 'p 1', 'l 1', 'alias:champion',"
    """ 'champion', '', '2026-01-02T00:00:00.000001Z', 7, 1, '[{"x": -0.0}]', '[{"value": 0.1}]', 'key', 'b')""",
    *(
        "INSERT INTO actuals (prediction_id, revision, model, actuals, caller, created_at) VALUES"
        f""" ('01a20570-0000-7d0a-b72e-04f7f6db33c1', {revision}, 'line', '[{{"value": {revision}.5}}]', '',"""
        f" '2026-01-0{revision + 2}T00:00:00.000000Z')"
        for revision in (1, 2)
    ),
    "INSERT INTO spool_positions (segment, position, records, set_aside)"
    " VALUES ('01a20570-0000-7d0a-b72e-04f7f6db33c2', 4096, 3, 0)",
)


def test_what_the_first_release_has_written_is_kept(request: pytest.FixtureRequest) -> None:
    """Each value of each row of 0001 is as it was after every later migration; new columns have their defaults."""
    script = ScriptDirectory.from_config(migrate._config(()))
    later = [one.revision for one in reversed([*script.walk_revisions("0001", "heads")])][1:]
    assert later[:2] == ["0002", "0003"]
    for url in _empty_databases(request):
        database = open_database(url)
        _upgrade(database, "0001")
        with database.write() as connection:
            for statement in _FIRST_RELEASE:
                connection.execute(text(statement))
        before = _rows(database)
        assert {table: len(rows) for table, rows in before.items() if rows and "alembic" not in table} == {
            "models": 1,
            "versions": 1,
            "predictions": 1,
            "actuals": 2,
            "spool_positions": 1,
        }
        for revision in later:
            _upgrade(database, revision)
            after = _rows(database)
            for table, rows in before.items():
                if "alembic" not in table:
                    pairs = zip(rows, after[table], strict=True)
                    assert [{name: row[name] for name in old} for old, row in pairs] == rows
        assert migrate.upgrade(url) == [HEAD]
        with database.read() as connection:
            (number,) = (row["number"] for row in service.versions(connection, "line"))
            version = service.version(connection, "line", number)
            assert (version["digest"], version["signature"]) == ("d", {"inputs": []})
            assert (version["description"], version["tags"], version["retired_at"]) == ("", {}, None)
            assert read_registered(connection).aliases == {}
            (instance,) = connection.execute(text("SELECT * FROM prediction_instances")).mappings()
            assert instance["model"] == "line"
            assert "2.5" in str(instance["actual"])
        database.close()


def _upgrade(database: Database, revision: str) -> None:
    with database.write() as connection:
        config = migrate._config(())
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _rows(database: Database) -> dict[str, list[dict[str, str]]]:
    """Every row of every table, as text."""
    found = {}
    with database.read() as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.execute(text(f"SELECT * FROM {table}")).mappings()
            found[table] = sorted(({name: str(value) for name, value in row.items()} for row in rows), key=str)
    return found


def _empty_databases(request: pytest.FixtureRequest) -> list[str]:
    folder = request.getfixturevalue("tmp_path")
    return [f"sqlite:///{folder}/old.db", new_postgres_database(request.getfixturevalue("postgres_url"))]
