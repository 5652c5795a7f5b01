"""The vendored files are what vendor.json says they are, and an installation has them."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "mlserve" / "static" / "vendor"
ROWS = json.loads((FOLDER / "vendor.json").read_text())


def test_each_file_is_listed_and_as_it_was_published() -> None:
    assert {row["file"] for row in ROWS} | {"vendor.json"} == {path.name for path in FOLDER.iterdir()}
    for row in ROWS:
        assert hashlib.sha256((FOLDER / row["file"]).read_bytes()).hexdigest() == row["sha256"], row


def test_each_package_has_an_exact_version_and_its_licence() -> None:
    packages = {row["name"] for row in ROWS}
    assert packages == {"@picocss/pico", "htmx.org", "uplot", "swagger-ui-dist"}
    for package in packages:
        rows = [row for row in ROWS if row["name"] == package]
        assert any(".LICENSE" in row["file"] for row in rows), package
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", row["version"]) for row in rows)
        assert len({row["version"] for row in rows}) == 1


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.css")), ids=lambda path: path.name)
def test_no_stylesheet_asks_for_another_file(path: Path) -> None:
    text = path.read_text()
    assert "@import" not in text
    for url in re.findall(r"url\(\s*[\"']?([^\"')]{5})", text):
        assert url == "data:"


def test_there_are_no_source_maps() -> None:
    assert list(FOLDER.glob("*.map")) == []


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_wheel_brings_every_file_of_the_pages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    source = tmp_path / "source"  # Setuptools leaves its work beside the source.
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "mlserve", source / "mlserve", ignore=shutil.ignore_patterns("__pycache__"))
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("static", "dashboard/templates"):
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mlserve" / folder).rglob("*") if path.is_file()}
        assert files
        assert files <= names
