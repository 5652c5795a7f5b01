"""The reference of the suites lists all of them, and its examples run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlserve.cli.new_plugin import skeleton
from mlserve.testing import ContractSuite, ProtocolSuite
from mlserve.testing.checks import Checks
from mlserve.testing.fixtures import __all__ as testing_fixtures
from tests.docs.pages import blocks, text_of


def test_the_reference_lists_every_check_of_the_suite_and_every_attribute() -> None:
    page = text_of("docs/reference/testing.md")
    checks = {name for suite in (ContractSuite, ProtocolSuite) for name in dir(suite) if name.startswith("test_")}
    assert set(re.findall(r"^\| `(test_\w+)`", page, re.MULTILINE)) == checks
    fixtures = {"subject", "loaded", "app"}
    attributes = {name for name in {**vars(Checks), **Checks.__annotations__} if not name.startswith("_")} - fixtures
    own = {"question", "require_failure", "malformed", "prefix", *testing_fixtures}
    assert {*attributes, "damaged", *own} == set(re.findall(r"^\| `(?!test_)(\w+)[`(]", page, re.MULTILINE))


SUITE = """
from mlserve.testing import ContractSuite


def write(folder):
    path = folder / "air.ruler"
    path.write_text('{"base": 20, "per_mile": 0.12}')
    return path


class TestContract(ContractSuite):
    plugin = "mlserve_ruler"
    artefact = staticmethod(write)
"""


@pytest.mark.exhaustive
def test_the_whole_plugin_of_the_reference_keeps_the_contract(tmp_path: Path) -> None:
    plugin = next(block for block in blocks("docs/reference/plugin-contract.md") if block.file == "mlserve_ruler.py")
    (tmp_path / plugin.file).write_text(plugin.text, encoding="utf-8")
    (tmp_path / "test_ruler.py").write_text(SUITE, encoding="utf-8")
    said = run_tests(tmp_path)
    assert re.search(r"\d\d passed", said), said


@pytest.mark.exhaustive
def test_the_examples_of_the_reference_run(tmp_path: Path) -> None:
    """With the template's package for the reader's. One check of the suite is enough: its own tests run them all."""
    for number, block in enumerate(blocks("docs/reference/testing.md", "python")):
        text = block.text.replace("mlserve_means", "mlserve_template").replace(".means", ".template")
        name = "conftest.py" if "fixtures" in text else f"test_{number}.py"
        (tmp_path / name).write_text(text, encoding="utf-8")
    for path, text in skeleton("protocol", "lines").items():
        if path.startswith("mlserve_"):
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
    assert "3 passed" in run_tests(tmp_path, "-k", "a_delay or the_module_is_a_plugin or of_the_address")


def run_tests(folder: Path, *options: str) -> str:
    """What pytest prints of the tests in the folder, which pass; without the plugins of others, which start slowly."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/t", *options, "."]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout
