"""The tutorial of the plugin works for somebody outside: in an environment and a folder of their own, by its text.

Its files are, in the end, those of `plugins/template`, and `docs/reference/testing.md` lists every check of the suite.
"""

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from mlserve.testing import ContractSuite
from mlserve.testing.checks import Checks
from tests.docs.pages import ROOT, Block, blocks, text_of
from tests.docs.transcript import Transcript
from tests.docs.workplace import Workplace

PAGE = "docs/tutorial/write-a-plugin.md"
TEMPLATE = ROOT / "plugins" / "template"
# The names that somebody who copies the template writes anew; `template=` is an argument of a directive.
NAME = re.compile(r"\btemplate\b(?!=)|(?<=mlserve[_-])template")


class Outside(Workplace):
    """A workplace whose folder may have folders."""

    def save(self, block: Block) -> None:
        (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
        super().save(block)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """An environment that sees what is installed here, and into which pip installs without a network."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    libraries = sysconfig.get_path("purelib", vars={"base": str(environment)})
    here = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (Path(libraries) / "here.pth").write_text(here, encoding="utf-8")
    for name, module in (("pip", "pip._internal.cli.main"), ("mlserve", "mlserve.cli")):
        program = environment / "bin" / name
        program.write_text(f"#!{python}\nfrom {module} import main\nraise SystemExit(main())\n", encoding="utf-8")
        program.chmod(0o755)
    for name, value in {"NO_DEPS": "1", "NO_INDEX": "1", "NO_BUILD_ISOLATION": "0"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(sys, "prefix", str(environment))
    folder = tmp_path / "mlserve-means"
    folder.mkdir()
    yield (place := Outside(folder))
    place.stop()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_stranger_succeeds_with_the_page_alone(outside: Outside) -> None:
    assert Transcript(PAGE, outside).run() > 10
    with urlopen(f"http://127.0.0.1:{outside.port}/models/delays", timeout=30) as answer:
        page = answer.read().decode()
    assert "The mean is 12.5; what each category adds to it" in page
    assert outside.stop() == 0
    refused = outside.shell("mlserve check wrong.ini")
    assert "cannot be served: wrong.means is no model of means: Expected `float`, got `str` - at `$.mean`." in refused
    assert "pyramid-mlserve-means" in outside.shell("mlserve plugins means.ini")


def test_the_files_of_the_page_are_those_of_the_template() -> None:
    last = {block.file: block.text for block in blocks(PAGE) if block.file}
    ours = {
        NAME.sub("means", str(path.relative_to(TEMPLATE))): path.read_text(encoding="utf-8")
        for path in TEMPLATE.rglob("*")
        if path.suffix in (".py", ".jinja2") and "build" not in path.parts
    }
    assert {name for name in last if name not in ours} == {"delays.means", "means.ini"}
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


def test_the_examples_of_the_reference_run(tmp_path: Path) -> None:
    """With the template's package for the reader's."""
    for number, block in enumerate(blocks("docs/reference/testing.md", "python")):
        text = block.text.replace("mlserve_means", "mlserve_template")
        (tmp_path / f"test_{number}.py").write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--basetemp={tmp_path}/t",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
