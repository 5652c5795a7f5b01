"""`mlserve new-plugin`: what it writes is installed with pip, passes its own tests, and serves by a line of an INI."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlserve.cli import main
from mlserve.cli.new_plugin import skeleton
from mlserve.testing import RunningServer, settings_of

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "plugins" / "template"
REFRESH = "plugins/template is what `mlserve new-plugin template` writes: change mlserve/cli/skeletons, and copy it"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the verb in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["new-plugin", *arguments])


def test_the_template_is_what_it_writes() -> None:
    """But for the licence, which is mlserve's own there."""
    written = {path: text for path, text in skeleton("family", "template").items() if path != "LICENSE"}
    there = {
        str(path.relative_to(TEMPLATE)): path.read_text(encoding="utf-8")
        for path in TEMPLATE.rglob("*")
        if path.is_file() and path.suffix not in (".pyc",) and "egg-info" not in path.parts[-2]
    }
    there.pop("LICENSE")
    assert there.keys() == written.keys(), REFRESH
    for path, text in written.items():
        assert there[path] == text, f"{path}: {REFRESH}"


@pytest.mark.parametrize("kind", ["family", "protocol"])
def test_what_it_writes_is_written_as_our_own_code_is(kind: str, tmp_path: Path) -> None:
    for name in ("x", "tides_of_the_sea"):
        for path, text in skeleton(kind, name).items():
            assert "@" not in text.replace("@pytest.", ""), path
            assert not path.endswith(".txt")
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run([*ruff, "--ignore=I001,E501", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_it_says_what_to_do_next_and_overwrites_nothing(made: Callable[..., Result], tmp_path: Path) -> None:
    said = made("tides_of_the_sea")
    assert said.exit_code == 0
    for words in ("cd mlserve-tides-of-the-sea", "pip install -e '.[tests]'", "mlserve.plugins = tides_of_the_sea"):
        assert words in said.output
    readme = tmp_path / "mlserve-tides-of-the-sea" / "README.md"
    readme.write_text("mine")
    again = made("tides_of_the_sea")
    assert again.exit_code == 1
    assert "mlserve-tides-of-the-sea is not empty: give another --folder, nothing was written." in again.output
    assert readme.read_text() == "mine"
    assert made("tides_of_the_sea", "--folder", "elsewhere/deep").exit_code == 0
    assert (tmp_path / "elsewhere" / "deep" / "mlserve_tides_of_the_sea" / "py.typed").read_bytes() == b""
    (tmp_path / "file").touch()
    for folder in ("file", "file/below"):
        refused = made("other", "--folder", folder)
        assert refused.exit_code in (1, 2), refused.output
        assert refused.exception is None or isinstance(refused.exception, SystemExit)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Tides", "'Tides' cannot name a plugin: write at most 40 characters a-z"),
        ("my-tides", "cannot name a plugin"),
        ("../tides", "cannot name a plugin"),
        ("a" * 41, "cannot name a plugin"),
        ("1st", "cannot name a plugin"),
        ("tides_", "cannot name a plugin"),
        ("log", "'log' cannot name a plugin: mlserve.log is the core's"),
        ("client", "cannot name a plugin"),
        ("xgboost", "is the name of an installed plugin, pyramid-mlserve-xgboost: choose another name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(made: Callable[..., Result], tmp_path: Path, name: str, says: str) -> None:
    said = made(name)
    assert said.exit_code == 1
    assert says in said.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The Python of an environment that sees what is installed here, and into which pip installs without a network."""
    folder = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    here = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (libraries / "here.pth").write_text(here, encoding="utf-8")
    return folder / "bin" / "python"


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_protocol_is_installed_passes_its_tests_and_answers(
    made: Callable[..., Result], environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A family goes this way in the tutorial, and the one of an outsider in tests/neighbours/test_catboost.py."""
    assert made("tides", "--protocol").exit_code == 0
    folder = tmp_path / "mlserve-tides"
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # The plugins of others start slowly.
    for command in (
        ["pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "-e", "."],
        ["pytest", "-q", f"--basetemp={tmp_path}/tests", "tests"],
    ):
        done = subprocess.run([environment, "-m", *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    monkeypatch.setattr(sys, "executable", str(environment))  # Which sees the plugin by its installation alone.
    (tmp_path / "sum.sum").write_text("{}")
    settings = settings_of(tmp_path, plugins="mlserve.testing.sums tides", models={"sum": tmp_path / "sum.sum"})
    with RunningServer(tmp_path, settings) as server:
        answer = server.call("POST", "/tides/sum", {"rows": [{"x": 1, "y": 2}]})
        assert answer.status == 200, answer.body
        assert json.loads(answer.body)["answers"] == [{"value": 3.0}]
        assert server.stop() == 0
