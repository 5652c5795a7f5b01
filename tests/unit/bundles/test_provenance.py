import subprocess
from pathlib import Path

import numpy as np

from mlserve.bundles.canonical import canonical_json
from mlserve.bundles.provenance import commit_of, environment, provenance_of


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_commit_of_a_repository(tmp_path: Path) -> None:
    assert commit_of(tmp_path / "none") is None
    git(tmp_path, "init")
    assert commit_of(tmp_path) is None  # There is no commit yet.
    (tmp_path / "x").write_text("1")
    git(tmp_path, "add", "x")
    git(tmp_path, "commit", "-m", "x")

    found = commit_of(tmp_path)
    assert found is not None
    assert len(found["commit"]) == 40
    assert found["dirty"] is False
    (tmp_path / "x").write_text("2")
    assert commit_of(tmp_path) == {**found, "dirty": True}


def test_the_environment_is_a_lock() -> None:
    found = environment()
    assert f"numpy=={np.__version__}" in found
    assert list(found) == sorted(found, key=str.lower)
    assert len(found) == len({entry.partition("==")[0].lower() for entry in found})


def test_all_of_it_is_json() -> None:
    found = provenance_of("model.ubj", {"location": "x.csv", "rows": 3}, {"xgboost": "3.2.0"}, None)
    canonical_json(found)
    assert found["data"] == {"location": "x.csv", "rows": 3}
    assert found["python"].startswith("3.")
