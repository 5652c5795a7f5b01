"""Plugins: found by name, checked for the contract they were built for, labelled for the lineage."""

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from mlserve import plugins
from mlserve.errors import ConfigurationError
from mlserve.faults import Fault
from mlserve.plugins import API_VERSION, ImportFailed, find, installed, refuse_in_pyramid_includes

NOW = r"\.".join(map(str, API_VERSION))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a module that can be imported."""

    def make(name: str, **members: Any) -> types.ModuleType:
        made = types.ModuleType(name)
        vars(made).update(members)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return make


def includeme(config: Any) -> None: ...


def test_an_installed_plugin_is_found_by_its_short_name() -> None:
    plugin = find("xgboost")
    assert (plugin.name, plugin.module.__name__, plugin.distribution) == (
        "xgboost",
        "mlserve_xgboost",
        "pyramid-mlserve-xgboost",
    )
    assert plugin.label == f"pyramid-mlserve-xgboost {plugin.version}"
    assert "xgboost" in installed()


def test_a_module_is_found_by_its_dotted_name_and_may_be_unpackaged(module: Any) -> None:
    module("mlserve_loose", includeme=includeme, MLSERVE_API=(1, 0))
    assert find("mlserve_loose").label == "mlserve_loose unpackaged"
    module("webtest.mlserve_part", includeme=includeme, MLSERVE_API=(1, 0))
    assert find("webtest.mlserve_part").distribution == "WebTest"


@pytest.mark.parametrize("api", [(1, 0), API_VERSION])
def test_the_contract_of_this_major_is_taken(module: Any, api: tuple[int, int]) -> None:
    module("mlserve_fitting", includeme=includeme, MLSERVE_API=api)
    assert find("mlserve_fitting").name == "mlserve_fitting"


@pytest.mark.parametrize("api", [(0, 9), (2, 0), (1, API_VERSION[1] + 1)])
def test_another_contract_is_refused_with_both_versions(module: Any, api: tuple[int, int]) -> None:
    module("mlserve_foreign", includeme=includeme, MLSERVE_API=api)
    with pytest.raises(ConfigurationError, match=rf"contract {api[0]}\.{api[1]} and this mlserve has {NOW}\.$"):
        find("mlserve_foreign")


@pytest.mark.parametrize("api", [(1,), 1, "1.0", (1, 0, 0), (1, None), (True, 0)])
def test_what_is_no_version_is_refused(module: Any, api: object) -> None:
    module("mlserve_vague", includeme=includeme, MLSERVE_API=api)
    with pytest.raises(ConfigurationError, match=r"says MLSERVE_API = .*: it must be two whole numbers, such as \(1, "):
        find("mlserve_vague")


def test_a_plugin_that_fails_at_import_is_named_with_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlserve_failing.py").write_text("\n1 / 0\n")
    (tmp_path / "mlserve_garbled.py").write_text("def\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportFailed, match=r"^mlserve.plugins names 'mlserve_failing', whose import fails") as no:
        find("mlserve_failing")
    assert str(no.value).endswith(f"ZeroDivisionError: division by zero ({tmp_path}/mlserve_failing.py, line 2).")
    assert no.value.fault == Fault("mlserve_failing", "import", no.value, "mlserve_failing")
    assert isinstance(no.value.fault.error, ZeroDivisionError)
    with pytest.raises(ConfigurationError, match="'mlserve_garbled', whose import fails: SyntaxError"):
        find("mlserve_garbled")


def test_what_is_no_plugin_is_refused_by_name(module: Any) -> None:
    module("mlserve_bare", MLSERVE_API=(1, 0))
    with pytest.raises(ConfigurationError, match=r"'mlserve_bare', which is no plugin.*installed plugins: .*xgboost"):
        find("mlserve_bare")
    module("mlserve_silent", includeme=includeme)
    with pytest.raises(ConfigurationError, match=r"'mlserve_silent'.*MLSERVE_API = \(1, \d\)"):
        find("mlserve_silent")


def test_not_installed_and_broken_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="'mlserve_nowhere', which is not installed"):
        find("mlserve_nowhere")
    with pytest.raises(ConfigurationError, match=r"'mlserve_nowhere\.part', which is not installed"):
        find("mlserve_nowhere.part")
    (tmp_path / "mlserve_needy.py").write_text("import a_library_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"whose import fails: .*a_library_that_is_not_there"):
        find("mlserve_needy")


def test_pyramid_includes_may_name_what_is_no_plugin_of_ours(module: Any) -> None:
    module("pyramid_theirs", includeme=includeme)
    refuse_in_pyramid_includes(["pyramid_theirs", "not_there_at_all"])
    module("mlserve_ours", includeme=includeme, MLSERVE_API=(1, 0))
    for name in ("mlserve_ours", "xgboost"):
        with pytest.raises(ConfigurationError, match=f"'{name}', which runs too early there: move it"):
            refuse_in_pyramid_includes(["pyramid_theirs", name])
    with pytest.raises(ConfigurationError, match="cornice"):
        refuse_in_pyramid_includes(["cornice"])


def test_the_group_of_the_entry_points_is_the_documented_one() -> None:
    assert plugins.GROUP == "mlserve.plugins"
    assert installed()["xgboost"].group == plugins.GROUP
