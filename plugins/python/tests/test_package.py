"""An artefact, and a live instance, become a bundle that answers elsewhere as it did here."""

from pathlib import Path

import pytest
import python_samples as samples
from click.testing import CliRunner, Result

from mlserve.bundles import open_folder
from mlserve.cli import main
from mlserve.packaging import application_with, package, verify
from mlserve.testing import serving, settings_of

ALLOW = {"mlserve.python.allow": "own_code.*"}
TEXTS = "text,twice\nred and green,true\nblue,\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the artefact, its rows and the INI lie, and where the person is."""
    samples.word_artefact(tmp_path)
    (tmp_path / "texts.csv").write_text(TEXTS)
    lines = ["use = egg:pyramid-mlserve", "mlserve.plugins = python", "mlserve.python.allow = own_code.*"]
    (tmp_path / "own.ini").write_text("\n".join(["[app:main]", *lines, f"mlserve.var = {tmp_path}/var"]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == status, done.output
    return done


def packaged(*arguments: str, status: int = 0) -> Result:
    return run("package", "own.python", "--name", "own", "--data", "texts.csv", "-o", "b", *arguments, status=status)


def test_an_artefact_is_packaged_verified_and_served(folder: Path) -> None:
    done = packaged("--ini", "own.ini", "-o", "own.mlbundle")
    assert "2 golden predictions of 2 rows" in done.stdout
    assert "2 golden predictions are answered as before" in run("verify", "own.mlbundle", "--ini", "own.ini").stdout
    settings = settings_of(folder / "served", plugins="python", models={"own": folder / "own.mlbundle"}) | ALLOW
    with serving(settings) as app:
        answer = app.predict("own", [{"text": "red or green", "twice": True}])
        assert answer.json["outputs"] == [{"known": 4, "first": "red"}]
        assert app.get(answer.headers["Content-Location"]).json["lineage"]["family"] == "python"


@pytest.mark.exhaustive
def test_what_is_not_allowed_is_neither_packaged_nor_verified(folder: Path) -> None:
    assert "write mlserve.python.allow = own_code.classes:Words" in packaged("--plugin", "python", status=1).stderr
    assert not (folder / "b").exists()
    packaged("--ini", "own.ini")
    assert "write mlserve.python.allow = " in run("verify", "b", "--plugin", "python", status=1).stderr


@pytest.mark.exhaustive
def test_a_live_instance_is_packaged(folder: Path) -> None:
    from own_code.classes import Words

    application = application_with(["python"], ALLOW)
    package(Words(["red"]), folder / "texts.csv", name="own", out=folder / "b", application=application)
    assert open_folder(folder / "b").manifest.golden["outputs"][0]["known"] == 2
    verdict = verify(folder / "b", application=application)
    assert (verdict.rows, verdict.faults) == (2, ())
