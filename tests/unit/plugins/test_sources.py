"""What is known of a plugin before any of it is run."""

import sys
from pathlib import Path

import pytest

from mlserve.plugins.sources import contract_of, distribution_of, source_of, version_of


def test_the_contract_of_a_plugin_is_read_without_running_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"told": "MLSERVE_API = (1, 0)\n1 / 0\n", "silent": "1 / 0\n", "garbled": "def\n"}.items():
        (tmp_path / f"mlserve_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert [contract_of(f"mlserve_{name}") for name in ("told", "silent", "garbled", "nowhere")] == ["1.0", "", "", ""]


def test_an_annotation_hides_no_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = {
        "typed": "MLSERVE_API: Final = (1, 1)\n",
        "bare": "MLSERVE_API: tuple[int, int]\n",
        "both": "MLSERVE_API = (1, 0)\nMLSERVE_API: tuple[int, int] = (1, 1)\n",
        "wild": "MLSERVE_API = tuple([1, 1])\n",
    }
    for name, text in lines.items():
        (tmp_path / f"mlserve_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert {name: contract_of(f"mlserve_{name}") for name in lines} == {
        "typed": "1.1",
        "bare": "",
        "both": "1.1",
        "wild": "",
    }


def test_of_a_plugin_inside_of_a_package_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "mlserve_around" / "deep"
    inside.mkdir(parents=True)
    for path in (inside.parent / "__init__.py", inside / "__init__.py"):
        path.write_text("1 / 0\n")
    (inside / "plugin.py").write_text("MLSERVE_API = (1, 1)\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert contract_of("mlserve_around.deep.plugin") == "1.1"
    names = ("mlserve_around.deep", "mlserve_around.nowhere", "mlserve_around.deep.plugin.part", "mlserve_nowhere.deep")
    assert [contract_of(name) for name in names] == [""] * 4
    assert not {name for name in sys.modules if name.startswith("mlserve_around")}


def test_the_distribution_of_a_module_and_its_version() -> None:
    assert source_of("mlserve_xgboost.family") == ("pyramid-mlserve-xgboost", version_of("pyramid-mlserve-xgboost"))
    assert source_of("mlserve_nowhere.part") == ("mlserve_nowhere", "unpackaged")
    assert distribution_of("webtest.app") == "WebTest"
