"""What is true of every bundled plugin: its shape, its packaging, its README and its tests."""

import ast
import importlib
import re
import subprocess
import sys
from importlib.metadata import EntryPoint, distribution, entry_points
from pathlib import Path

import pytest

from mlserve.plugins import API_VERSION, GROUP
from mlserve.startup import build

ROOT = Path(__file__).parents[2]
# The client stands beside the plugins as a distribution of its own, and is none.
BUNDLED = sorted(path.parent for path in (ROOT / "plugins").glob("*/setup.py") if path.parent.name != "client")


@pytest.fixture(params=BUNDLED, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def package(folder: Path) -> str:
    return f"mlserve_{folder.name}"


@pytest.fixture
def point(package: str) -> EntryPoint:
    """As it is installed: `make test` installs every bundled plugin."""
    found = [point for point in entry_points(group=GROUP) if point.value == package]
    assert len(found) == 1, f"{package} is not installed, or twice: requirements-dev.txt must list it."
    return found[0]


def test_there_are_some() -> None:
    assert {"xgboost", "template"} <= {folder.name for folder in BUNDLED}


def test_its_files_stand_where_one_looks_for_them(folder: Path, package: str) -> None:
    for name in ("README.md", f"{package}/__init__.py", f"{package}/py.typed"):
        assert (folder / name).is_file(), name
    assert list((folder / "tests").glob("test_*.py"))


def test_it_is_published_with_its_licence_and_its_readme(folder: Path) -> None:
    """The text of the licence has to go with each wheel and sdist; setuptools packs what stands beside setup.py."""
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    arguments = ["--quiet", "--license", "--long-description"]
    command = [sys.executable, "-W", "ignore", "setup.py", *arguments]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert said.startswith("Apache-2.0\n")
    assert (folder / "README.md").read_text(encoding="utf-8").strip() in said


def test_its_distribution_is_named_as_all_are_and_needs_the_core(folder: Path, point: EntryPoint) -> None:
    assert point.dist is not None
    assert point.dist.name == f"pyramid-mlserve-{folder.name}"
    assert any(re.match(r"pyramid-mlserve\b(?!-)", needed) for needed in distribution(point.dist.name).requires or ())


def test_it_says_its_contract(package: str) -> None:
    module = importlib.import_module(package)
    assert module.MLSERVE_API == API_VERSION  # Those that stand beside the core are built for its last word.
    assert module.__doc__, "Its first lines say what it serves, and how it is enabled."


def test_the_contract_that_it_says_has_what_it_uses(folder: Path, package: str) -> None:
    """By the contract's own changelog, which names what each version has added."""
    says = importlib.import_module(package).MLSERVE_API
    used = set().union(*map(names_used, (folder / package).rglob("*.py")))
    for version, added in names_added().items():
        assert version <= says or not added & used, f"{says} has no {added & used}."


def names_added() -> dict[tuple[int, int], set[str]]:
    """The directives, modules, classes and methods (`.decode_arrays`) that each version after the first has added."""
    page = (ROOT / "docs" / "reference" / "plugin-contract.md").read_text(encoding="utf-8")
    changelog = page.partition("### Changelog of the contract")[2].partition("\n## ")[0]
    name = re.compile(r"`(?:((?:config|mlserve)\.[\w.]+|[A-Z]\w+)|[A-Z]\w+(\.\w+))`")
    entries = re.findall(r"^- \*\*(\d+)\.(\d+)\*\*: (.*?)(?=^- |\Z)", changelog, re.MULTILINE | re.DOTALL)
    before: set[str] = set()
    added = {}
    for major, minor, text in reversed(entries):
        added[int(major), int(minor)] = {whole or method for whole, method in name.findall(text)} - before
        before |= added[int(major), int(minor)]
    assert {"config.add_protocol", "mlserve.protocols", "Importer", ".decode_arrays"} <= added[1, 1]
    del added[1, 0]
    return added


def names_used(path: Path) -> set[str]:
    """What a module names of the core, in the words of `names_added`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mlserve."):
            found |= {node.module, *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Attribute):
            found |= {f".{node.attr}", *([f"{node.value.id}.{node.attr}"] if isinstance(node.value, ast.Name) else [])}
    return found


def test_it_can_be_enabled_by_its_name_alone_and_with_all_others(point: EntryPoint, tmp_path: Path) -> None:
    others = " ".join(sorted(other.name for other in entry_points(group=GROUP)))
    for plugins in (point.name, others):
        application = build({"mlserve.plugins": plugins, "mlserve.var": str(tmp_path)}, here=None).registry.mlserve
        assert point.name in application.plugins
        assert not application.started


def test_its_readme_names_its_formats_settings_and_resources(folder: Path, point: EntryPoint, tmp_path: Path) -> None:
    application = build({"mlserve.plugins": point.name, "mlserve.var": str(tmp_path)}, here=None).registry.mlserve
    readme = (folder / "README.md").read_text(encoding="utf-8")
    core = build({"mlserve.var": str(tmp_path)}, here=None).registry.mlserve
    known = {setting.name for setting in core.settings.table}
    for setting in application.settings.table:
        assert setting.name in known or f"`{setting.name}`" in readme, setting.name
    for family in application.families:
        for suffix in family.formats:
            assert f"`{suffix}`" in readme, suffix
    for _, name in application.model_resources:
        address = rf"/api/v1/models/{{model}}/{name}"
        assert address in readme, address


def test_the_catalogue_lists_it(folder: Path, point: EntryPoint, package: str, tmp_path: Path) -> None:
    catalogue = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in catalogue.splitlines() if line.startswith(f"| [{point.name}]({folder.name}/)")]
    assert len(rows) == 1
    assert f"`{package}`" in rows[0]
    assert f"`pyramid-mlserve-{folder.name}`" in rows[0]
    application = build({"mlserve.plugins": point.name, "mlserve.var": str(tmp_path)}, here=None).registry.mlserve
    formats = {suffix for family in application.families for suffix in family.formats}
    assert set(re.findall(r"`(\.\w+)`", rows[0])) == formats


def test_it_is_type_checked(folder: Path, package: str) -> None:
    assert f'"plugins/{folder.name}/{package}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_its_tests_run_the_contract_suite_if_it_brings_a_family(
    folder: Path, point: EntryPoint, tmp_path: Path
) -> None:
    application = build({"mlserve.plugins": point.name, "mlserve.var": str(tmp_path)}, here=None).registry.mlserve
    if not list(application.families):
        assert application.protocol_resources or application.importers, "It brings no family, no protocol, no importer."
        return
    tree = ast.parse((folder / "tests" / "test_contract.py").read_text(encoding="utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert any("ContractSuite" in ast.unparse(base) for node in classes for base in node.bases)
