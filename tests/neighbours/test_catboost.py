"""A family that is not in this repository, as an outsider adds it: CatBoost, in an environment of its own.

`mlserve new-plugin` writes the plugin, `catboost_plugin/` has what the outsider wrote in it, pip installs it, and one
line of an INI enables it.
"""

import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.neighbours.conftest import FOLDER, ROOT, run_in

PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")
MAKE = FOLDER / "catboost_plugin" / "make.py"
CHANGED = {
    "setup.py",
    "mlserve_catboost/__init__.py",
    "mlserve_catboost/family.py",
    "mlserve_catboost/resources.py",
    "tests/test_catboost.py",
    "tests/test_contract.py",
}
REMOVED = {"mlserve_catboost/panel.py", "mlserve_catboost/panel.jinja2"}
ADDED = {"tests/sizes.py"}

INI = """
[app:main]
use = egg:pyramid-mlserve
mlserve.plugins = catboost
mlserve.models.class = %(here)s/model.cbm
mlserve.var = %(here)s/var

[server:main]
use = egg:pyramid-mlserve#waitress
host = 127.0.0.1
"""


def in_catboost(program: str, *arguments: str | Path) -> str:
    return run_in("catboost", program, *arguments)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `mlserve new-plugin` writes, where no plugin of that name is installed."""
    in_catboost("python", *PIP, "uninstall", "--yes", "pyramid-mlserve-catboost")
    folder = tmp_path_factory.mktemp("written")
    in_catboost("mlserve", "new-plugin", "catboost", "--folder", folder)
    return folder


@pytest.fixture(scope="module")
def plugin(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outsider's, not installed."""
    folder = tmp_path_factory.mktemp("plugin")
    in_catboost("python", MAKE, folder)
    return folder


@pytest.fixture(scope="module")
def installed(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of its tests: what they import is what pip has installed. Pip finds all that it asks for there."""
    folder = tmp_path_factory.mktemp("installed")
    tests = shutil.copytree(plugin / "tests", folder / "tests")
    source = shutil.copytree(plugin, folder / "source")  # where pip builds
    in_catboost("python", *PIP, "install", "--no-index", "--no-build-isolation", source)
    yield tests
    in_catboost("python", *PIP, "uninstall", "--yes", "pyramid-mlserve-catboost")


def test_the_core_there_is_this_one_as_it_is() -> None:
    printed = in_catboost("python", "-c", "import mlserve; print(mlserve.__file__)")
    assert printed.strip() == str(ROOT / "mlserve" / "__init__.py")


def test_only_these_files_are_not_what_new_plugin_wrote(written: Path, plugin: Path) -> None:
    its, mine = contents(written), contents(plugin)
    assert its.keys() - mine.keys() == REMOVED
    assert mine.keys() - its.keys() == ADDED
    assert {path for path in its.keys() & mine.keys() if its[path] != mine[path]} == CHANGED
    lines = zip(its["setup.py"].splitlines(), mine["setup.py"].splitlines(), strict=True)
    assert [line for before, line in lines if before != line] == [
        b'    install_requires=["catboost>=1.2,<2", "numpy>=2.0", "pyramid-mlserve>=0.1,<0.2"],'
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_keeps_the_contract_and_answers_what_catboost_does(installed: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    into = (f"--basetemp={tmp_path / 'its'}", f"--junitxml={report}")
    run_in("catboost", "pytest", "-p", "no:cacheprovider", *into, installed, patience=290)
    cases = {case.attrib["name"]: case for case in ET.parse(report).iter("testcase")}
    skipped = {name for name, case in cases.items() if case.find("skipped") is not None}
    assert skipped == {"test_an_artefact_that_is_a_zip_unfolds_within_bounds"}
    assert {"test_the_answers_are_catboost_s_own", "test_answers_are_the_predictor_s"} <= cases.keys()
    assert len(cases) > 25


@pytest.mark.exhaustive
def test_one_line_of_an_ini_enables_it(installed: Path, tmp_path: Path) -> None:
    ini = tmp_path / "catboost.ini"
    ini.write_text(INI)
    in_catboost("python", installed / "sizes.py", tmp_path)
    assert in_catboost("mlserve", "check", ini).strip() == f"{ini} is well: plugins catboost; models class."
    rows = tmp_path / "rows.json"
    rows.write_text('[{"x": 3.5, "y": null, "colour": "blue", "size": "large"}]')
    assert json.loads(in_catboost("mlserve", "predict", ini, "class", rows))["label"] == "big"
