"""An INI is opened as plaster would, and files of other kinds by plaster."""

from pathlib import Path

import plaster
import pytest

from mlserve.ini_file import open_ini

INI = "[app:main]\nuse = egg:pyramid-mlserve\nmlserve.var = %(here)s/var\n[server:main]\nuse = egg:waitress#main\n"


@pytest.mark.parametrize("address", ["{}", "file+ini:{}", "{}#main"])
def test_it_is_what_plaster_finds(address: str, tmp_path: Path) -> None:
    path = tmp_path / "server.ini"
    path.write_text(INI)
    ours, theirs = open_ini(address.format(path)), plaster.get_loader(address.format(path), protocols=["wsgi"])
    assert type(ours) is type(theirs)
    assert str(ours.uri) == str(theirs.uri)
    assert ours.get_sections() == theirs.get_sections() == ["app:main", "server:main"]
    assert ours.get_settings("app:main") == theirs.get_settings("app:main")


@pytest.mark.parametrize("path", ["server", "server.txt"])
def test_what_nothing_installed_reads_is_refused(path: str) -> None:
    with pytest.raises(plaster.PlasterError):
        open_ini(path)
