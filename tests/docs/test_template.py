"""The tutorial's files are those of `plugins/template`, and the reference of the contract suite lists all of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from mlserve.testing import ContractSuite
from mlserve.testing.checks import Checks
from tests.docs.pages import ROOT, blocks, text_of

PAGE = "docs/tutorial/write-a-plugin.md"
TEMPLATE = ROOT / "plugins" / "template"
# The names that somebody who copies the template writes anew; `template=` is an argument of a directive.
NAME = re.compile(r"\btemplate\b(?!=)|(?<=mlserve[_-])template")


def test_the_files_of_the_page_are_those_of_the_template() -> None:
    last = {block.file: block.text for block in blocks(PAGE) if block.file}
    ours = {
        NAME.sub("means", str(path.relative_to(TEMPLATE))): path.read_text(encoding="utf-8")
        for path in TEMPLATE.rglob("*")
        if path.suffix in (".py", ".jinja2") and "build" not in path.parts
    }
    assert {name for name in last if name not in ours} == {"README.md", "delays.means", "means.ini"}
    for name, text in ours.items():
        assert last[name] == NAME.sub("means", text), name


def test_the_template_s_readme_shows_the_same_model() -> None:
    model = next(block.text for block in blocks(PAGE) if block.file == "delays.means")
    assert model in [block.text for block in blocks("plugins/template/README.md", "json")]


def test_the_reference_lists_every_check_of_the_suite_and_every_attribute() -> None:
    page = text_of("docs/reference/testing.md")
    checks = {name for name in dir(ContractSuite) if name.startswith("test_")}
    assert set(re.findall(r"^\| `(test_\w+)`", page, re.MULTILINE)) == checks
    fixtures = {"subject", "loaded", "app"}
    attributes = {name for name in {**vars(Checks), **Checks.__annotations__} if not name.startswith("_")} - fixtures
    assert {*attributes, "damaged"} == set(re.findall(r"^\| `(?!test_)(\w+)[`(]", page, re.MULTILINE))


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


def test_the_whole_plugin_of_the_reference_keeps_the_contract(tmp_path: Path) -> None:
    plugin = next(block for block in blocks("docs/reference/plugin-contract.md") if block.file == "mlserve_ruler.py")
    (tmp_path / plugin.file).write_text(plugin.text, encoding="utf-8")
    (tmp_path / "test_ruler.py").write_text(SUITE, encoding="utf-8")
    said = run_tests(tmp_path)
    assert re.search(r"\d\d passed", said), said


def test_the_examples_of_the_reference_run(tmp_path: Path) -> None:
    """With the template's package for the reader's. One check of the suite is enough: its own tests run them all."""
    for number, block in enumerate(blocks("docs/reference/testing.md", "python")):
        text = block.text.replace("mlserve_means", "mlserve_template")
        (tmp_path / f"test_{number}.py").write_text(text, encoding="utf-8")
    assert "2 passed" in run_tests(tmp_path, "-k", "a_delay or the_module_is_a_plugin")


def run_tests(folder: Path, *options: str) -> str:
    """What pytest prints of the tests in the folder, which pass; without the plugins of others, which start slowly."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/t", *options, "."]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout
