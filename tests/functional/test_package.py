"""`mlserve package` and `mlserve verify`, as a person meets them: no INI, sentences, exit statuses."""

import json
import platform
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mlserve.bundles import BundleStore, Manifest, archive, open_folder
from mlserve.bundles.canonical import canonical_json
from mlserve.cli import main
from mlserve.errors import ConfigurationError
from mlserve.packaging import package
from tests.factories import linear_model

DEMO = Path(__file__).parents[2] / "examples" / "flight_delay" / "flight-delay.ubj"
ROWS = "x,y,value,note\n1,0.5,2.5,a\n2,0.5,4.5,b\n3,1.5,5.25,c\n4,-2,11,d\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a model file and its data lie, and where the person is."""
    linear_model(tmp_path)
    (tmp_path / "rows.csv").write_text(ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(verb: str, *arguments: object, status: int = 0) -> Result:
    done = CliRunner().invoke(main, [verb, *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done


def packaged(*arguments: object, out: str = "line.mlbundle", status: int = 0) -> Result:
    given = ("line.linear", "--name", "line", "--data", "rows.csv", "--plugin", "mlserve_linear", "-o", out)
    return run("package", *given, *arguments, status=status)


def changed(folder: Path, **content: Any) -> None:
    """Put other content into a bundle's manifest, as whoever made it could have done."""
    path = folder / "manifest.json"
    value = json.loads(path.read_bytes())
    path.write_bytes(canonical_json({**value, "content": {**value["content"], **content}}))


def test_a_model_is_packaged_and_verified(folder: Path) -> None:
    done = packaged("--target", "value", "--meta", "owner=Ada", "--meta", "use=a = b")
    found = archive.read(folder / "line.mlbundle", BundleStore(folder / "store")).manifest
    assert done.stdout == (
        f"line.mlbundle: line, linear, digest {found.digest}\n"
        "4 golden predictions of 4 rows; mae 0.0625, r2 0.998434, rmse 0.125 on 4 rows with value\n"
    )
    assert found.card == {"name": "line", "owner": "Ada", "use": "a = b"}
    assert found.provenance["data"]["location"] == "rows.csv"
    assert found.provenance["data"]["rows"] == 4

    done = run("verify", "line.mlbundle", "--plugin", "mlserve_linear")
    assert done.stdout == (
        f"line.mlbundle is well: line, linear, digest {found.digest}; 4 golden predictions are answered as before.\n"
    )
    assert sorted(path.name for path in folder.iterdir()) == ["line.linear", "line.mlbundle", "rows.csv", "store"]


def test_a_folder_is_verified_too(folder: Path) -> None:
    (folder / "card.toml").write_text('owner = "Eve"\nuse = "delays"\n')
    assert (
        "no scores, since no target was given" in packaged("--card", "card.toml", "--meta", "owner=Ada", out="b").stdout
    )
    assert open_folder(folder / "b").manifest.card == {"name": "line", "owner": "Ada", "use": "delays"}
    assert " is well: line, linear, " in run("verify", "b", "--plugin", "mlserve_linear").stdout


def test_python_gives_the_same(folder: Path) -> None:
    packaged(out="b")
    found = package("line.linear", "rows.csv", name="line", plugins=["mlserve_linear"], out=folder / "c")
    assert found.digest == open_folder(folder / "b").manifest.digest
    with pytest.raises(ConfigurationError, match=r"^No family saves a dict \(families: linear\): give a model file\.$"):
        package({}, "rows.csv", name="line", plugins=["mlserve_linear"], out=folder / "d")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--data", "none.csv"), "none.csv cannot be read: No such file or directory."),
        (("--target", "none"), "The data has no column 'none' to compare the answers with."),
        (("--target", "note"), "The column 'note' holds 'a', and the model answers a number."),
        (("--signature", "none.json"), "none.json cannot be read: No such file or directory."),
        (("--meta", "owner"), "--meta 'owner' is no entry of a model card: write key=value."),
        (("--engine", "quick"), "The family linear answers with engine 'exact', not 'quick'."),
        (("--plugin", "none"), "mlserve.plugins names 'none', which is not installed"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments: tuple[str, ...], why: str, folder: Path) -> None:
    done = packaged(*arguments, status=1)
    assert done.stderr.startswith("Error: ")
    assert why in done.stderr
    assert not (folder / "line.mlbundle").exists()


@pytest.mark.parametrize(
    ("model", "name", "out", "why"),
    [
        ("none.linear", "line", "b", "none.linear cannot be read: No such file or directory."),
        ("rows.csv", "line", "b", "rows.csv is a .csv file, which no plugin of mlserve.plugins reads"),
        ("line.linear", "Line_1", "b", "'Line_1' is no name of a model"),
        ("line.linear", "line", "rows.csv", "rows.csv is there already"),
        ("line.linear", "line", "b", "There are no rows to package the model with: give real ones as data (--data)."),
    ],
)
def test_the_rows_are_asked_for_last(model: str, name: str, out: str, why: str, folder: Path) -> None:
    done = run("package", model, "--name", name, "--plugin", "mlserve_linear", "-o", out, status=1)
    assert done.stderr.startswith(f"Error: {why}")


def test_a_file_that_no_family_reads(folder: Path) -> None:
    (folder / "model.unread").write_bytes(b"")
    done = run("package", "model.unread", "--name", "x", "--data", "rows.csv", "-o", "b", status=1)
    assert "model.unread is a .unread file, which no plugin of mlserve.plugins reads" in done.stderr


@pytest.mark.exhaustive
def test_a_bundle_that_answers_in_another_way(folder: Path) -> None:
    packaged(out="b")
    golden = dict(open_folder(folder / "b").manifest.golden or {})
    changed(folder / "b", golden={**golden, "outputs": [{"value": number} for number in range(4)]})

    done = run("verify", "b", "--plugin", "mlserve_linear", status=1)
    assert done.stderr == (
        "golden row 0: value is 2.5 instead of 0.\n"
        "golden row 1: value is 4.5 instead of 1.\n"
        "golden row 2: value is 5.5 instead of 2.\n"
        "golden row 3: value is 11.0 instead of 3.\n"
        "Error: b is not well: 4 faults.\n"
    )


def test_a_bundle_whose_bytes_were_changed(folder: Path) -> None:
    packaged(out="b")
    model = folder / "b" / "files" / "model.linear"
    model.write_text(model.read_text().replace("2.0", "3.0"))
    done = run("verify", "b", "--plugin", "mlserve_linear", status=1)
    assert "'model.linear' has another SHA-256 than its manifest says" in done.stderr

    (folder / "x.mlbundle").write_bytes(b"PK")
    assert "This is not the archive of a bundle" in run("verify", "x.mlbundle", status=1).stderr
    (folder / "empty").mkdir()
    assert "empty is no bundle: it has no manifest.json." in run("verify", "empty", status=1).stderr


PLUGIN = """
import os, signal
from mlserve_linear import MLSERVE_API
from mlserve_linear.family import LinearFamily

class Crashing(LinearFamily):
    name, formats, runs_code = "crashing", (".linear",), {runs_code}

    def load(self, path, signature, settings):
        {load}

def includeme(config):
    config.add_model_family("crashing", Crashing)
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("load", "runs_code", "arguments", "why"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", False, (), "The process that loaded it ended with SIGSEGV: "),
        ("raise ZeroDivisionError('broken')", False, (), "ended with status 1: ZeroDivisionError: broken"),
        ("return super().load(path, signature, {'decimals': 3})", True, (), "Loading a crashing model runs code"),
        ("return super().load(path, signature, {'decimals': 3})", True, ("--trust",), ""),
    ],
)
def test_a_bundle_is_loaded_in_a_process_of_its_own(
    load: str, runs_code: bool, arguments: tuple[str, ...], why: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mlserve_crashing.py").write_text(PLUGIN.format(load=load, runs_code=runs_code))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "mlserve_crashing", raising=False)
    packaged(out="b")
    changed(folder / "b", family="crashing")

    done = run("verify", "b", "--plugin", "mlserve_crashing", *arguments, status=1 if why else 0)
    assert why in done.stderr


@pytest.mark.exhaustive
def test_a_bundle_of_a_family_that_is_not_here(folder: Path) -> None:
    packaged(out="b")
    done = run("verify", "b", "--plugin", "xgboost", status=1)
    assert "It is of family linear, which no enabled plugin brings." in done.stderr


@pytest.mark.exhaustive
def test_settings_of_an_ini_count_in_packaging_verifying_and_serving(folder: Path) -> None:
    (folder / "rows.csv").write_text("x,y\n0.1234,0\n")
    packaged(out="plain")
    ini = folder / "app.ini"
    line = {"mlserve.plugins": "mlserve_linear", "mlserve.var": "%(here)s/var", "mlserve.linear.decimals": "1"}
    text = "\n".join(["[app:main]", "use = egg:pyramid-mlserve", *(f"{key} = {line[key]}" for key in line)])
    ini.write_text(text.replace("%(here)s", str(folder)))
    done = run("verify", "plain", "--ini", ini, status=1)
    assert done.stderr.startswith("golden row 0: value is 1.2 instead of 1.247.\n")

    run("package", "line.linear", "--name", "line", "--data", "rows.csv", "--ini", ini, "-o", "rounded")
    content = open_folder(folder / "rounded").manifest.content
    assert (content["engine"], content["golden"]["engine"]) == ("exact (decimals=1)", "exact (decimals=1)")
    assert " is well: line, linear, " in run("verify", "rounded", "--ini", ini).stdout
    assert "instead of 1.2." in run("verify", "rounded", "--plugin", "mlserve_linear", status=1).stderr
    run("test", "rounded", "--data", "rows.csv", "--ini", ini)
    run("test", "plain", "--data", "rows.csv", "--ini", ini, status=1)
    for verb in ("verify", "test"):
        given = ("--data", "rows.csv") if verb == "test" else ()
        both = run(verb, "rounded", *given, "--ini", ini, "--plugin", "mlserve_linear", status=2)
        assert "Say either --ini or --plugin" in both.stderr


@pytest.mark.exhaustive
def test_another_last_bit_is_told_and_no_fault(folder: Path) -> None:
    packaged(out="b")
    golden = dict(open_folder(folder / "b").manifest.golden or {})
    near = [{"value": row["value"] * (1 + 1e-7)} for row in golden["outputs"]]
    changed(folder / "b", golden={**golden, "outputs": near})
    told = "4 golden predictions are answered within the tolerance of before (off by at most 1e-07; packaged on "
    done = run("verify", "b", "--plugin", "mlserve_linear")
    assert told in done.stdout
    assert platform.machine() in done.stdout
    assert told in run("test", "b", "--data", "rows.csv", "--plugin", "mlserve_linear").stdout


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_demo_s_model_with_the_flights_of_july(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real rows, with the scores that the training measured by itself, and golden rows of all that July has."""
    flight_data = pytest.importorskip("flight_data")
    if not DEMO.exists():
        pytest.skip("make demo has not been run")
    flights = flight_data.load()
    flights[flights["month"] == 7].to_parquet(tmp_path / "july.parquet")
    run(
        "package", DEMO, "--name", "flight-delay", "--data", tmp_path / "july.parquet", "--target", "late",
        "--meta", "owner=Ada", "-o", tmp_path / "flight-delay.mlbundle",
    )  # fmt: skip
    found: Manifest = archive.read(tmp_path / "flight-delay.mlbundle", BundleStore(tmp_path / "store")).manifest
    trained = json.loads(DEMO.with_name(DEMO.name + ".metrics.json").read_text())
    assert {key: found.metrics[key] for key in trained} == trained
    by_itself = trained["test_by_month"]["2013-07"]
    for score in ("rows", "auc", "log_loss"):
        assert found.metrics["measured"][score] == pytest.approx(by_itself[score], abs=1e-6)

    golden = found.golden or {}
    instances = golden["instances"]
    july = flights[flights["month"] == 7]
    for name in ("wind_gust", "temp"):
        assert any(row[name] is None for row in instances) == july[name].isna().any()
    for name in ("origin", "carrier"):
        assert {row[name] for row in instances} == set(july[name])
    assert {row["label"] for row in golden["outputs"]} == {"on_time", "late"}
    # A destination that training never saw is among them.
    assert {row["dest"] for row in instances} - set(found.signature.inputs[2].categories)
    assert found.signature == Manifest.from_text(found.text).signature
    assert "100 golden predictions are answered as before" in run("verify", tmp_path / "flight-delay.mlbundle").stdout
