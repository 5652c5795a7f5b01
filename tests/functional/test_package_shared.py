"""Two hosts with one store: a version that one of them has packed is there on the other."""

import shutil
from pathlib import Path

import pytest

from mlserve.bundles import SharedStore
from mlserve.errors import BundleError
from mlserve.registry.loading import store_of
from tests.factories import linear_model, serving, settings_of

pytest.importorskip("fsspec")


def test_a_bundle_of_one_host_is_there_on_another(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    settings = settings_of(tmp_path / "a", models={"line": linear_model(tmp_path)}, store__url=url)
    with serving(settings) as app:
        digest = app.application.live.get("line").loaded().lineage.digest
    assert (tmp_path / "shared" / digest / "manifest.json").is_file()

    with serving(settings_of(tmp_path / "b", models={}, store__url=url)) as app:
        store = store_of(app.application)
        assert isinstance(store, SharedStore)
        assert not (tmp_path / "b" / "var" / "bundles" / digest).exists()
        assert store.open(digest).manifest.family == "linear"
        assert (tmp_path / "b" / "var" / "bundles" / digest).is_dir()
    with serving(settings_of(tmp_path / "c", models={})) as app, pytest.raises(BundleError, match="There is no bundle"):
        store_of(app.application).open(digest)


def test_a_host_serves_on_without_the_store(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/shared"
    settings = settings_of(tmp_path / "a", models={"line": linear_model(tmp_path)}, store__url=url)
    with serving(settings) as app:
        first = app.predict("line", [{"x": 1, "y": 2}]).json
    shutil.rmtree(tmp_path / "shared")
    with serving(settings) as app:
        assert app.predict("line", [{"x": 1, "y": 2}]).json["outputs"] == first["outputs"]
