"""Packaging and verifying with the installed plugins."""

from pathlib import Path
from typing import Any

import pytest

from mlserve import packaging
from mlserve.bundles import BundleStore, Manifest, open_folder
from mlserve.errors import BundleError, ConfigurationError
from mlserve.part import Part
from tests.factories import linear_model

DATA = {"x": [1.0, 2.0, 3.0], "y": [0.25, 0.5, 1.5], "value": [2.8, 4.5, 5.5]}
PLUGINS = ("mlserve_linear",)


def packaged(folder: Path, **options: Any) -> Path:
    given = {"name": "line", "target": "value", "plugins": PLUGINS, "out": folder / "line.mlbundle", **options}
    packaging.package(linear_model(folder), DATA, **given)
    return folder / "line.mlbundle"


def test_the_family_is_found_by_the_file_and_has_its_default_settings(tmp_path: Path) -> None:
    found: Manifest = packaging.package(
        linear_model(tmp_path), DATA, name="line", plugins=PLUGINS, store=BundleStore(tmp_path / "store")
    )
    assert (found.family, found.engine) == ("linear", "exact")
    assert found.golden is not None
    assert found.golden["outputs"][0] == {"value": 2.75}


def test_an_application_says_the_settings_and_the_engine_tells_of_them(tmp_path: Path) -> None:
    application = packaging.application_with(PLUGINS, {"mlserve.linear.decimals": "1"})
    found: Manifest = packaging.package(
        linear_model(tmp_path), DATA, name="line", application=application, store=BundleStore(tmp_path / "store")
    )
    assert found.engine == "exact (decimals=1)"
    assert found.golden is not None
    assert found.golden["outputs"][0] == {"value": 2.8}


def test_a_model_that_no_family_takes(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No family saves a dict \(families: linear\): give a model file\."):
        packaging.package({}, DATA, name="line", plugins=PLUGINS, store=BundleStore(tmp_path / "store"))
    (tmp_path / "x.onnx").touch()
    with pytest.raises(ConfigurationError):
        packaging.package(tmp_path / "x.onnx", DATA, name="line", plugins=PLUGINS, store=BundleStore(tmp_path))


def test_a_fresh_process_says_that_a_bundle_is_well(tmp_path: Path) -> None:
    verdict = packaging.verify(packaged(tmp_path), plugins=PLUGINS)
    assert (verdict.rows, verdict.faults, verdict.died) == (3, (), False)
    assert verdict.told == "3 golden predictions are answered as before"


def test_what_is_wrong_there_is_told(tmp_path: Path) -> None:
    application = packaging.application_with(PLUGINS, {"mlserve.linear.decimals": "0"})
    verdict = packaging.verify(packaged(tmp_path), application=application)
    assert verdict.rows == 3
    assert len(verdict.faults) == 3
    assert "value" in verdict.faults[0]


def test_a_deviation_within_the_tolerance_is_told_with_where_it_was_packaged(tmp_path: Path) -> None:
    with packaging.opened(packaged(tmp_path)) as bundle:
        content = bundle.manifest.content
    here = Manifest(content, {"platform": "Linux x86_64", "processor": "A"})
    assert packaging.Verdict(here, 3, (), 2.5e-8).told == (
        "3 golden predictions are answered within the tolerance of before (off by at most 2.5e-08; "
        "packaged on Linux x86_64, A)"
    )
    assert packaging.Verdict(Manifest(content, {}), 3, (), 2.5e-8).told.endswith(" (off by at most 2.5e-08)")


def test_folders_are_replayed_in_this_process_too(tmp_path: Path) -> None:
    packaging.package(linear_model(tmp_path), DATA, name="line", plugins=PLUGINS, out=tmp_path / "line")
    found = packaging.replay_folder(tmp_path / "line", PLUGINS, {}, None, False)
    assert found == {"rows": 3, "faults": [], "deviation": 0.0}
    other = packaging.replay_folder(tmp_path / "line", ("xgboost",), {}, None, False)
    assert other["faults"] == ["It is of family linear, which no enabled plugin brings."]


def test_a_family_whose_plugin_has_failed_is_named_with_the_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_line.py").write_text(
        "MLSERVE_API = (1, 0)\n\ndef includeme(config):\n    raise KeyError('line')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    verdict = packaging.verify(packaged(tmp_path), plugins=["failing_line"])
    assert verdict.faults == (
        "It is of family linear, which is not here: the plugin failing_line has failed (includeme: KeyError).",
    )


def test_a_bundle_that_is_unpacked_is_there_only_for_as_long_as_it_is_needed(tmp_path: Path) -> None:
    with packaging.opened(packaged(tmp_path)) as bundle:
        assert open_folder(bundle.folder).digest == bundle.digest
    assert not bundle.folder.exists()
    with pytest.raises(BundleError, match="is no bundle"), packaging.opened(tmp_path):
        pass


def test_an_application_that_only_asks_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLSERVE__LINEAR__DECIMALS", "1")
    application = packaging.application_with(PLUGINS)
    assert application.settings["mlserve.linear.decimals"] == 3
    assert application.part is Part.COMMAND
    assert not list(tmp_path.iterdir())
