"""A start that cannot be ends with one sentence that names the key, from `pserve` and from `mlserve check` alike."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlserve.cli import main
from tests.factories import linear_model, settings_of, until
from tests.functional.hostile import flights_model

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "tests" / "packages"
PATIENCE = 60

INI = """
[app:main]
use = {use}
{settings}

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:0
"""


def write_ini(folder: Path, settings: Mapping[str, str], use: str = "egg:pyramid-mlserve") -> Path:
    whole = {"mlserve.plugins": "mlserve_linear", **settings}
    ini = folder / "server.ini"
    ini.write_text(INI.format(use=use, settings="\n".join(f"{key} = {value}" for key, value in whole.items())))
    return ini


def environment(*packages: Path, **more: str) -> dict[str, str]:
    """The tests' own environment without settings of mlserve."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLSERVE")}
    path = os.pathsep.join(map(str, (PACKAGES, *packages)))
    return {**kept, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore:pkg_resources is deprecated", **more}


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def sentence_of(status: int, said: str) -> str:
    """The one sentence with which a start has ended."""
    assert status != 0
    assert "Traceback" not in said
    lines = [line for line in said.strip().splitlines() if not line.startswith("WARNING:mlserve.")]  # a log event
    assert len(lines) == 1, said
    assert lines[0].startswith("mlserve cannot start: ")
    assert lines[0].rstrip().endswith((".", "?", ")")), lines[0]
    return lines[0]


def pserve(ini: Path, **environ: str) -> str:
    """The sentence with which `pserve` ends."""
    done = subprocess.run(
        [program("pserve"), str(ini)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(ini.parent, **environ),
        check=False,
    )
    return sentence_of(done.returncode, done.stderr)


def check(ini: Path) -> str:
    """The sentence with which `mlserve check` ends."""
    done = CliRunner().invoke(main, ["check", str(ini)])
    return sentence_of(done.exit_code, done.output)


def model(folder: Path, settings: dict[str, str] | None = None) -> dict[str, str]:
    return {"mlserve.models.line": str(linear_model(folder)), **(settings or {})}


def misspelt_plugin_contract(folder: Path) -> dict[str, str]:
    (folder / "mlserve_future_of_tests.py").write_text("MLSERVE_API = (2, 0)\n\n\ndef includeme(config):\n    pass\n")
    return {"mlserve.plugins": "mlserve_future_of_tests"}


def corrupt_model(folder: Path) -> dict[str, str]:
    (folder / "line.linear").write_text('{"intercept": 1')
    return {"mlserve.models.line": str(folder / "line.linear")}


def corrupt_forest(folder: Path) -> dict[str, str]:
    path = flights_model(folder)
    path.write_bytes(path.read_bytes()[:2000])
    return {"mlserve.plugins": "xgboost", "mlserve.models.flights": str(path)}


def contradicting_sidecar(folder: Path) -> dict[str, str]:
    path = flights_model(folder)
    sidecar = {"inputs": [{"name": "town", "categories": ["Oslo"]}]}
    path.with_name(path.name + ".signature.json").write_text(json.dumps(sidecar))
    return {"mlserve.plugins": "xgboost", "mlserve.models.flights": str(path)}


def broken_sidecar(folder: Path) -> dict[str, str]:
    path = linear_model(folder)
    path.with_name(path.name + ".signature.json").write_text("{'inputs': []}")
    return {"mlserve.models.line": str(path)}


def broken_metrics(folder: Path) -> dict[str, str]:
    path = linear_model(folder)
    path.with_name(path.name + ".metrics.json").write_text("[1]")
    return {"mlserve.models.line": str(path)}


def raising_family(folder: Path, method: str) -> dict[str, str]:
    """A family that raises what no family should, of a model file that is well."""
    (folder / f"raising_{method}.py").write_text(
        "from mlserve_linear import MLSERVE_API\n"
        "from mlserve_linear.family import LinearFamily\n"
        "class Raising(LinearFamily):\n"
        "    name = 'raising'\n"
        f"    def {method}(self, *arguments):\n"
        "        raise ZeroDivisionError('nothing\\nto divide by.')\n"
        "def includeme(config):\n"
        "    config.add_model_family('raising', Raising)\n"
    )
    return model(folder, {"mlserve.plugins": f"raising_{method}"})


# What the INI says, and what the sentence must name.
CASES: dict[str, tuple[Callable[[Path], dict[str, str]], list[str]]] = {
    "unknown key": (lambda f: {"mlserve.colour": "red"}, ["mlserve.colour", "is not a setting"]),
    "misspelt key": (lambda f: {"mlserve.limits.bdy": "1MiB"}, ["mlserve.limits.bdy", "mlserve.limits.body"]),
    "key of a plugin that is off": (
        lambda f: {"mlserve.xgboost.threads": "2"},
        ["mlserve.xgboost.threads", "add xgboost to mlserve.plugins"],
    ),
    "bad value": (lambda f: {"mlserve.limits.instances": "many"}, ["mlserve.limits.instances", "'many'"]),
    "bad value of a plugin": (lambda f: {"mlserve.linear.decimals": "12"}, ["mlserve.linear.decimals", "'12'"]),
    "bad choice": (lambda f: {"mlserve.log.way": "proces"}, ["mlserve.log.way", "process"]),
    "missing file": (
        lambda f: {"mlserve.models.line": str(linear_model(f))[:-1]},
        ["mlserve.models.line", "does not exist", "line.linear"],
    ),
    "folder for a file": (lambda f: {"mlserve.models.line": str(f)}, ["mlserve.models.line", "which is a folder"]),
    "bad model name": (lambda f: {"mlserve.models.My_Model": "x.linear"}, ["mlserve.models.My_Model", "my-model"]),
    "file of no family": (
        lambda f: {"mlserve.models.line": str(linear_model(f).rename(f / "line.onnx"))},
        ["mlserve.models.line", ".onnx", "mlserve.plugins"],
    ),
    "corrupt model": (corrupt_model, ["mlserve.models.line", "line.linear"]),
    "corrupt forest": (corrupt_forest, ["mlserve.models.flights", "flights.ubj"]),
    "contradicting sidecar": (contradicting_sidecar, ["mlserve.models.flights", "town"]),
    "family that raises at inspect": (
        lambda f: raising_family(f, "inspect"),
        ["mlserve.models.line", "the family raising fails: ZeroDivisionError: nothing to divide by."],
    ),
    "family that raises at load": (
        lambda f: raising_family(f, "load"),
        ["mlserve.models.line", "the family raising fails: ZeroDivisionError: nothing to divide by."],
    ),
    "broken sidecar": (broken_sidecar, ["mlserve.models.line", ".signature.json"]),
    "broken metrics": (broken_metrics, ["mlserve.models.line", ".metrics.json"]),
    "plugin not installed": (lambda f: {"mlserve.plugins": "xgbost"}, ["mlserve.plugins", "'xgbost'", "xgboost"]),
    "plugin of another contract": (misspelt_plugin_contract, ["mlserve.plugins", "contract 2.0"]),
    "no plugin": (lambda f: {"mlserve.plugins": "json"}, ["mlserve.plugins", "'json'", "includeme"]),
    "plugin twice": (lambda f: {"mlserve.plugins": "mlserve_linear mlserve_linear"}, ["mlserve.plugins", "twice"]),
    "plugin in pyramid.includes": (
        lambda f: {"pyramid.includes": "mlserve_linear"},
        ["pyramid.includes", "move it to mlserve.plugins"],
    ),
    "cornice in pyramid.includes": (lambda f: {"pyramid.includes": "cornice"}, ["pyramid.includes", "remove it"]),
}
# A process of its own for each of these kinds of failure: before the plugins, in them, after them, and in the models.
IN_A_PROCESS = [
    "misspelt key", "corrupt forest", "contradicting sidecar", "plugin of another contract",
    "plugin in pyramid.includes",
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_check_says_in_one_sentence_what_is_wrong_and_leaves_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    make, words = CASES[case]
    sentence = check(write_ini(tmp_path, make(tmp_path)))
    for word in words:
        assert word in sentence
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("case", IN_A_PROCESS)
def test_pserve_ends_with_the_sentence_of_check(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    ini = write_ini(tmp_path, CASES[case][0](tmp_path))
    assert pserve(ini) == check(ini)


def test_a_variable_of_the_environment_is_named_as_such(tmp_path: Path) -> None:
    ini = write_ini(tmp_path, model(tmp_path))
    sentence = pserve(ini, MLSERVE__LIMITS__BODY="a lot")
    assert "mlserve.limits.body, set by the variable MLSERVE__LIMITS__BODY, is 'a lot'" in sentence


def test_check_writes_its_sentence_to_standard_error(tmp_path: Path) -> None:
    command = [program("mlserve"), "check", str(write_ini(tmp_path, {"mlserve.colour": "red"}))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment(), check=False)
    assert "mlserve.colour" in sentence_of(done.returncode, done.stderr)
    assert done.stdout == ""


def test_check_knows_the_right_name_of_the_distribution(tmp_path: Path) -> None:
    sentence = check(write_ini(tmp_path, model(tmp_path), use="egg:mlserve"))
    assert "write use = egg:pyramid-mlserve" in sentence
    assert "belongs to another project" in sentence


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mlserve.plugins = x\n", "cannot be read as an INI"),
        ("[app:main]\nuse = egg:pyramid-mlserve\nmlserve.var = %(nowhere)s\n", "cannot be read as an INI"),
        ("[server:main]\nuse = egg:waitress#main\n", "has no section [app:main]"),
        ("[app:main]\nmlserve.plugins =\n", "write use = egg:pyramid-mlserve"),
    ],
)
def test_check_of_a_file_that_is_no_ini_of_ours(tmp_path: Path, text: str, says: str) -> None:
    ini = tmp_path / "server.ini"
    ini.write_text(text)
    assert says in check(ini)


@pytest.mark.parametrize(
    ("key", "path"), [("mlserve.var", "{folder}/file/var"), ("mlserve.database.url", "sqlite:///{folder}/file")]
)
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, key: str, path: str) -> None:
    (tmp_path / "file").write_text("not a folder, and not a database either; long enough to be taken for one" * 20)
    sentence = pserve(write_ini(tmp_path, model(tmp_path, {key: path.format(folder=tmp_path)})))
    assert key in sentence
    assert str(tmp_path / "file") in sentence


@pytest.mark.exhaustive
def test_a_postgresql_without_tables_is_named_with_what_to_run(tmp_path: Path, postgres_url: str) -> None:
    url = postgres_url.replace("%", "%%")
    ini = write_ini(tmp_path, model(tmp_path, {"mlserve.database.url": url}))
    sentence = pserve(ini)
    assert "mlserve.database.url" in sentence
    assert "mlserve db upgrade" in sentence
    assert check(ini) == sentence


def test_check_of_a_postgresql_that_is_away_says_so_and_is_well(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"postgresql://me:secret@127.0.0.1:{port}/none"
    ini = write_ini(tmp_path, model(tmp_path, {"mlserve.database.url": url, "mlserve.database.timeout": "500ms"}))
    done = CliRunner().invoke(main, ["check", str(ini)])
    assert done.exit_code == 0
    assert "cannot be checked now" in done.stderr
    assert "secret" not in done.output
    assert "is well" in done.stdout


def test_check_of_a_good_ini_says_what_would_start(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["check", str(write_ini(tmp_path, model(tmp_path)))])
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith("is well: plugins mlserve_linear; models line.\n")
    assert not (tmp_path / "var").exists()


@pytest.fixture(params=["development.ini", "production.ini"])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """An INI of the repository in a folder of its own, on a port that is free, with the demo model or a small one."""
    demo = ROOT / "examples" / "flight_delay" / "flight-delay.ubj"
    folder = tmp_path / "examples" / "flight_delay"
    folder.mkdir(parents=True)
    source = demo if demo.exists() else flights_model(tmp_path)
    for beside in source.parent.glob(f"{source.name}*"):
        shutil.copy(beside, folder / beside.name.replace(source.name, demo.name))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text, replaced = re.subn(r"(?m)^port = \d+$", f"port = {port}", (ROOT / request.param).read_text())
    assert replaced  # Of either server.
    ini = tmp_path / request.param
    ini.write_text(text)
    return ini, port


def test_both_inis_of_the_repository_check_well_and_boot(shipped: tuple[Path, int]) -> None:
    ini, port = shipped
    done = CliRunner().invoke(main, ["check", str(ini)])
    assert (done.exit_code, done.stderr) == (0, "")
    with subprocess.Popen(
        [program("pserve"), str(ini)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment(), text=True
    ) as server:
        try:
            until(lambda: server.poll() is not None or answers(port, "/health/ready"), PATIENCE)
            assert server.poll() is None
            if ini.name == "development.ini":
                assert [entry["state"] for entry in answers(port, "/api/v1/models")["models"]] == ["ready"]
            else:
                assert answers(port, "/api/v1/models") == {}  # It asks for a key.
        finally:
            server.terminate()
            said = server.communicate(timeout=PATIENCE)[1]
    assert server.returncode == 0
    assert "Traceback" not in said
    assert (ini.parent / "var" / "mlserve.db").exists()


def answers(port: int, path: str) -> dict[str, object]:
    """The JSON of a 200; nothing while there is none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        found: dict[str, object] = json.loads(response.read()) if response.status == 200 else {}
        return found
    except OSError:
        return {}
    finally:
        connection.close()


WITHOUT_DRIVER = """
import sys
sys.modules["psycopg"] = None
"""


def run_without_driver(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs code in a process where PostgreSQL's driver, an extra, cannot be imported."""
    command = [sys.executable, "-c", WITHOUT_DRIVER + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment(ROOT), timeout=60)


@pytest.mark.exhaustive
def test_sqlite_needs_no_driver_of_postgresql(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    code = f"""
from tests.factories import serving
with serving({settings!r}) as app:
    print(app.predict("line", [[1, 2]]).json["outputs"], "psycopg" in sys.modules and sys.modules["psycopg"])
"""
    ran = run_without_driver(code, tmp_path)
    assert ran.stdout.strip() == "[{'value': 1.0}] None", ran.stderr


@pytest.mark.exhaustive
def test_postgresql_without_its_driver_is_one_sentence(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    settings["mlserve.database.url"] = "postgresql://x@127.0.0.1:1/y"
    ran = run_without_driver(f"import mlserve as m\nm.main({{}}, **{settings!r})", tmp_path)
    assert "pip install -e '.[postgresql]'" in sentence_of(ran.returncode, ran.stderr)
