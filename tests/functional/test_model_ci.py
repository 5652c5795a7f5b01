"""`mlserve test` and `mlserve bundles gc`, as a person and a CI meet them."""

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from mlserve.bundles import BundleStore, archive
from mlserve.bundles.canonical import canonical_json
from mlserve.cli import main
from tests.factories import linear_model, settings_of

ROWS = "x,y,value\n1,0.5,2.5\n2,0.5,4.5\n3,1.5,5.25\n4,-2,11\n"
PLUGIN = ("--plugin", "mlserve_linear")


def run(*arguments: object, status: int = 0) -> Result:
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done


def package(out: str, **model: float) -> None:
    linear_model(Path(), **model)
    given = ("line.linear", "--name", "line", "--data", "rows.csv", "--target", "value", *PLUGIN, "-o", out)
    run("package", *given)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a bundle and its rows lie, and where the person is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text(ROWS)
    package("line.mlbundle")
    return tmp_path


@pytest.fixture
def ini(folder: Path) -> Path:
    settings = settings_of(folder, models={})
    keys = "\n".join(f"{key} = {value}" for key, value in settings.items())
    (folder / "server.ini").write_text(f"[app:main]\nuse = egg:pyramid-mlserve\n{keys}\n")
    return folder / "server.ini"


def states(done: Result) -> dict[str, str]:
    return {check["name"]: check["state"] for check in json.loads(done.stdout)["checks"]}


def test_a_good_model_passes_and_the_target_is_that_of_packaging(folder: Path) -> None:
    given = ("line.mlbundle", "--data", "rows.csv", *PLUGIN, "--min", "r2=0.99", "--max", "rmse=0.2", "--max-p99", "5s")
    done = run("test", *given, "--junit", "out.xml")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines[1:4]] == [["bundle", "passed"], ["golden", "passed"], ["fit", "passed"]]
    assert "4 golden predictions are answered as before, in a fresh process." in done.stdout
    assert done.stdout.endswith("\nline passes 7 checks.\n")
    cases = ElementTree.parse("out.xml").findall("testsuite/testcase")
    names = ["bundle", "golden", "fit", "scores", "min r2", "max rmse", "latency"]
    assert [case.get("name") for case in cases] == names
    assert all(case.find("failure") is None for case in cases)


@pytest.mark.exhaustive
def test_every_check_runs_whatever_fails(folder: Path) -> None:
    (folder / "rows.csv").write_text(ROWS + "a,1,1\n")
    given = ("--data", "rows.csv", *PLUGIN, "--min", "r2=1", "--min", "auc=0.5", "--max-p99", "0.0001ms")
    done = run("test", "line.mlbundle", *given, "--format", "json", "--junit", "out.xml", status=1)
    assert json.loads(done.stdout)["passed"] is False
    assert states(done) == {
        "bundle": "passed",
        "golden": "passed",
        "fit": "failed",
        "scores": "passed",
        "min r2": "failed",
        "min auc": "failed",
        "latency": "failed",
    }
    suite = ElementTree.parse("out.xml").find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("7", "4")
    assert 'x: expected a number, got "a" (type) in 1 row, row 5 first' in suite.findtext(
        "testcase[@name='fit']/failure", ""
    )


@pytest.mark.exhaustive
def test_a_bundle_that_answers_otherwise_than_it_says(folder: Path) -> None:
    package("b")
    path = folder / "b" / "manifest.json"
    value = json.loads(path.read_bytes())
    value["content"]["golden"]["outputs"][1]["value"] = 7.0
    path.write_bytes(canonical_json(value))
    done = run("test", "b", "--data", "rows.csv", *PLUGIN, "--format", "json", status=1)
    assert states(done)["golden"] == "failed"
    assert states(done)["latency"] == "passed"
    assert "golden row 1: value is 4.5 instead of 7." in done.stdout


def test_a_damaged_bundle_is_one_failed_check(folder: Path) -> None:
    (folder / "x.mlbundle").write_bytes(b"PK")
    done = run("test", "x.mlbundle", "--data", "rows.csv", "--format", "json", "--junit", "out.xml", status=1)
    assert states(done) == {"bundle": "failed"}
    assert "This is not the archive of a bundle" in Path("out.xml").read_text()


@pytest.mark.exhaustive
def test_a_model_that_kills_the_process_fails_and_the_test_lives_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "killing.py").write_text(
        "import os, signal\n"
        "from mlserve_linear import MLSERVE_API\n"
        "from mlserve_linear.family import LinearFamily\n"
        "class Killing(LinearFamily):\n"
        "    def load(self, path, signature, settings):\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
        "def includeme(config):\n"
        "    config.add_model_family('linear', Killing)\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    given = ("--data", "rows.csv", "--plugin", "killing", "--min", "r2=0.5", "--format", "json")
    done = run("test", "line.mlbundle", *given, status=1)
    assert states(done) == {
        "bundle": "passed",
        "golden": "failed",
        "fit": "passed",
        "scores": "failed",
        "min r2": "failed",
        "latency": "failed",
    }
    assert "ended with SIGSEGV" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--min", "auk=1"), "f1, rmse, mae, r2 (did you mean auc?)."),
        (("--max-p99", "5"), "write a duration with its unit (ms, s, m, h, d), such as 5ms."),
        (("--max-refused", "2"), "2.0 is not in the range 0<=x<=1"),
        (("--tolerance", "-1"), "write a number that is not negative."),
        (("--against", "line"), "--against needs --ini"),
        (("--data", "line.mlbundle"), "line.mlbundle is neither a .parquet nor a .csv file."),
        (("--junit", "none/out.xml"), "none/out.xml cannot be written: No such file or directory."),
        (("--plugin", "none"), "mlserve.plugins names 'none', which is not installed"),
    ],
)
def test_what_cannot_be_tested_has_a_status_of_its_own(arguments: tuple[str, ...], why: str, folder: Path) -> None:
    plugin = () if "--plugin" in arguments else PLUGIN
    assert why in run("test", "line.mlbundle", "--data", "rows.csv", *plugin, *arguments, status=2).stderr


@pytest.mark.exhaustive
def test_a_version_of_the_registry_is_compared_with(ini: Path, folder: Path) -> None:
    run("deploy", ini, "line.mlbundle")
    package("better.mlbundle", intercept=0.95)
    package("worse.mlbundle", intercept=2.0)
    given = ("--data", "rows.csv", "--ini", ini, "--against", "line@champion", "--format", "json")
    better = run("test", "better.mlbundle", *given, "--tolerance", "mae=0.1")
    assert states(better)["signature"] == "passed"
    assert states(better)["rmse against line@champion (version 1)"] == "passed"
    worse = run("test", "worse.mlbundle", *given, "--tolerance", "0.1", status=1)
    assert states(worse)["mae against line@champion (version 1)"] == "failed"
    assert "mae is 1.0625, that of line@champion (version 1) 0.0625, both on 4 rows; it may be worse by 0.1." in (
        worse.stdout
    )
    assert states(run("test", "line.mlbundle", *given[:5], "line@1", *given[6:]))["r2 against line@1"] == "passed"

    (folder / "rows.csv").write_text(ROWS.replace("y", "z"))
    package("other.mlbundle", x=2.0, z=-1.0)
    other = run("test", "other.mlbundle", *given, status=1)
    assert states(other)["signature"] == "failed"
    assert "input 'y' is gone" in other.stdout
    assert "input 'z' is new and required" in other.stdout

    for named, why in (
        ("none", "There is no model 'none'"),
        ("line@none", "has no alias 'none'"),
        ("line@7", "has no version 7"),
    ):
        assert why in run("test", "line.mlbundle", *given[:5], named, status=2).stderr
    (folder / "broken.ini").write_text("[app:main]\nuse = egg:pyramid-mlserve\nmlserve.plugins = none\n")
    assert "which is not installed" in run("test", "line.mlbundle", *given[:3], "broken.ini", status=2).stderr


@pytest.mark.exhaustive
def test_bundles_that_no_version_uses_are_collected(ini: Path, folder: Path) -> None:
    run("db", "upgrade", ini)
    store = BundleStore(folder / "var" / "bundles")
    for number, name in enumerate(("retired", "other", "nobody")):
        package(f"{name}.mlbundle", intercept=number + 2.0)
    nobody = archive.read(folder / "nobody.mlbundle", store).digest
    why = "has no version, so that every bundle would go: is it the right database? Nothing was removed."
    assert why in run("bundles", "gc", ini, "--older-than", "1s", status=1).stderr

    run("deploy", ini, "line.mlbundle")
    run("deploy", ini, "retired.mlbundle", "--register-only")
    run("retire", ini, "line", 2)
    other = archive.read(folder / "other.mlbundle", store).digest
    url = f"sqlite:///{folder / 'other.db'}"
    (folder / "other.ini").write_text(f"{ini.read_text()}mlserve.database.url = {url}\n")
    run("deploy", "other.ini", "other.mlbundle")
    assert run("bundles", "gc", ini).stdout == "0 bundles that no version uses, older than 1d, were removed.\n"

    for put in store.root.iterdir():
        os.utime(put, (0, 0))
    given = ("bundles", "gc", ini, "--also", "other.ini")
    told = run(*given, "--dry-run").stdout
    assert told == f"{nobody}\n1 bundle that no version uses, older than 1d, would be removed.\n"
    assert store.has(nobody)
    assert run(*given).stdout == f"{nobody}\n1 bundle that no version uses, older than 1d, was removed.\n"
    assert len([*store.root.iterdir()]) == 3
    assert store.open(other).manifest.name == "line"
    assert run("bundles", "gc", ini).stdout.startswith(f"{other}\n1 bundle ")
    assert "write a duration" in run("bundles", "gc", ini, "--older-than", "x", status=2).stderr
