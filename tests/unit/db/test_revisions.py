"""What tells without Alembic that the tables are at the last revision, compared with what Alembic says."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from mlserve.db import migrate
from mlserve.db.engine import Database, open_database
from mlserve.db.revisions import CORE, VERSIONS, _last_of, is_at_last
from mlserve.plugins import installed
from mlserve.testing import settings_of

OF_XGBOOST = "mlserve_xgboost:migrations"


@pytest.mark.parametrize("locations", [[], [OF_XGBOOST]])
def test_it_reads_off_what_alembic_says(locations: list[str]) -> None:
    assert "xgboost" in installed()
    heads = ScriptDirectory.from_config(migrate._config(locations)).get_heads()
    assert set().union(*map(_last_of, [CORE, *locations])) == set(heads)


def test_a_database_is_at_the_last_revision_of_all_or_it_is_not(database: Database) -> None:
    assert is_at_last(database, [])
    assert not is_at_last(database, [OF_XGBOOST])
    migrate.upgrade(database.engine.url.render_as_string(hide_password=False), [OF_XGBOOST])
    assert is_at_last(database, [OF_XGBOOST])
    assert not is_at_last(database, []), "what is not known here is for Alembic to judge"
    with database.write() as connection:
        connection.execute(VERSIONS.delete().where(VERSIONS.c.version_num == "xgboost_0001"))
    assert not is_at_last(database, [OF_XGBOOST])


def test_where_it_cannot_be_read_off_it_is_not_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = open_database(f"sqlite:///{tmp_path}/empty.db")
    assert not is_at_last(empty, [])
    empty.close()
    package = tmp_path / "strange_revisions"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    (package / "one.py").write_text('revision: str = "one"\ndown_revision = None\n')
    assert _last_of("strange_revisions:") == set()
    assert _last_of("nowhere_at_all:versions") == set()


def test_a_second_start_does_without_alembic(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, plugins="xgboost", models={})
    code = f"""
import sys, mlserve
mlserve.main({{}}, **{settings!r}).registry.mlserve.stop()
print("alembic" in sys.modules)
"""
    said = [
        subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert [text.split()[-1] for text in said] == ["True", "False"]
