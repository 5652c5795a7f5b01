import os
import subprocess
import sys
import textwrap
from pathlib import Path

from mlserve.server.workers import preloaded
from mlserve.server.workers.supervisor import Supervisor

INI = """[app:main]
use = egg:pyramid-mlserve
mlserve.plugins = xgboost
"""
# What a template imports, and then an application as a worker has one: what did that import beside?
PROGRAM = """
    import sys
    from mlserve.server.workers import template
    reason = template._import_all(sys.argv[1], tuple(sys.argv[2:]))
    assert not reason, reason
    before = {*sys.modules}
    from mlserve.ini_file import open_ini
    from mlserve.part import PART_KEY, Part
    loader = open_ini(sys.argv[1])
    app = loader.get_wsgi_app("main", {PART_KEY: Part.WORKER})
    print(*(name for name in {*sys.modules} - before if name.startswith("mlserve")))
    app.registry.mlserve.stop()
"""


def test_an_application_imports_nothing_of_ours_any_more_but_migrations(tmp_path: Path) -> None:
    """Those are only needed once."""
    ini = tmp_path / "w.ini"
    ini.write_text(INI)
    modules = [*Supervisor.PRELOADED, Supervisor.WORKER, Supervisor.BACKGROUND]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(ini), *modules]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert {*done.stdout.split()} - {"mlserve.db.migrate", "mlserve.db.migrations"} == set()


def test_what_the_ini_asks_for_is_imported_and_no_more(tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    ini.write_text(INI)
    found = preloaded.also(str(ini))
    assert found[0] == "pysqlite3.dbapi2"
    assert found[-1] == "mlserve_xgboost"
    assert "mlserve.dashboard.routes" in found
    more = "mlserve.database.url = postgresql://h/d\nmlserve.dashboard.enabled = no\npyramid.includes = one\n two\n"
    ini.write_text(INI + more)
    assert preloaded.also(str(ini)) == ["mlserve.db.postgresql", "mlserve_xgboost", "one", "two"]


def test_of_a_wrong_ini_nothing_is_imported_and_nothing_told(tmp_path: Path) -> None:
    ini = tmp_path / "w.ini"
    for text in ("[app:main", INI + "mlserve.nonsense = 1\n", INI + "mlserve.log.way = 1\n"):
        ini.write_text(text)
        assert "mlserve.db.postgresql" not in preloaded.also(str(ini))
    assert preloaded.also(str(ini)) == []
