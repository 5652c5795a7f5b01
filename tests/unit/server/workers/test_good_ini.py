from pathlib import Path

import pytest
from paste.deploy import loadwsgi
from pyramid.paster import get_appsettings

from mlserve.server.workers.good_ini import GoodIni, folder_of

INI = """[app:main]
use = egg:pyramid-mlserve
path = %(here)s/model of %(__file__)s
"""


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    found = tmp_path / "w.ini"
    found.write_text(INI)
    return found


def good(ini: Path) -> GoodIni:
    found = GoodIni(ini)
    found.begin()
    found.succeed()
    return found


def test_a_copy_means_the_same_in_its_own_folder_and_is_private(ini: Path) -> None:
    found = good(ini)
    ini.write_text("[app:main")
    copy = found.copy()
    assert copy is not None
    try:
        assert copy.stat().st_mode & 0o777 == 0o600
        said = get_appsettings(str(copy))
        assert said["path"] == f"{ini.parent}/model of {ini}"
        assert loadwsgi.ConfigLoader(str(copy)).parser.sections() == ["app:main"]
        assert folder_of(str(copy)) == str(ini.parent)
    finally:
        copy.unlink()


def test_here_means_the_folder_of_an_ini_that_is_no_copy(ini: Path) -> None:
    assert folder_of(str(ini)) == str(ini.parent)


@pytest.mark.parametrize("text", ["use = config:other.ini", "here = /srv"])
def test_an_ini_that_would_mean_something_else_elsewhere_has_no_copy(text: str, ini: Path) -> None:
    ini.write_text(f"[DEFAULT]\n{text}\n{INI}")
    assert good(ini).copy() is None


def test_one_that_has_changed_while_the_processes_started_is_not_known_to_be_good(ini: Path) -> None:
    found = GoodIni(ini)
    found.begin()
    assert found.copy() is None
    ini.write_text(INI + "more = 1\n")
    found.succeed()
    assert found.copy() is None


def test_after_a_reload_that_failed_the_one_before_is_good(ini: Path) -> None:
    found = good(ini)
    ini.write_text("[app:main")
    found.begin()
    assert found.copy() is None, "the processes of the reload read the new one"
    found.give_up()
    copy = found.copy()
    assert copy is not None
    assert copy.read_text().startswith(INI)
    copy.unlink()
