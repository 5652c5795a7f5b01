"""The store that hosts share goes away and comes back: what a host has is served, and nothing new is half taken."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlserve.errors import ConfigurationError
from tests.factories import linear_model, serving, settings_of
from tests.functional.registering import MODEL, bundle, register

fsspec = pytest.importorskip("fsspec")
from fsspec.implementations.local import LocalFileSystem  # noqa: E402


class Distant(LocalFileSystem):  # type: ignore[misc]
    """A folder that can be out of reach, as a store behind a network can."""

    protocol = ("distant",)
    away = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = LocalFileSystem._strip_protocol(path.replace("distant://", "file://"))
        return stripped

    def __getattribute__(self, name: str) -> Any:
        if Distant.away and name in ("exists", "info", "size", "open", "ls", "makedirs"):
            raise ConnectionError("nobody answers at 10.0.0.1")
        return super().__getattribute__(name)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    fsspec.register_implementation("distant", Distant, clobber=True)
    Distant.away = False
    model = linear_model(tmp_path, intercept=1.0, x=1.0, y=1.0)
    url = f"distant://{tmp_path}/shared"
    yield settings_of(tmp_path, models={"line": model}, registry__interval="50ms", store__url=url)
    Distant.away = False


def test_without_its_store_a_host_serves_what_it_has_and_takes_nothing_new(
    settings: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = bundle(tmp_path, intercept=2.0, x=1.0, y=1.0), bundle(tmp_path, intercept=3.0, x=1.0, y=1.0)
    with serving(settings) as app:
        digest = register(app, first).json["digest"]
        asked = app.post_json(f"{MODEL}/versions/2/predictions", {"instances": [[1, 1]]}).json["id"]
    shutil.rmtree(tmp_path / "var" / "bundles" / digest)
    Distant.away = True
    with serving(settings) as app:  # Also after a restart.
        assert app.predict("line", [[1, 1]]).json["version"] == 1
        for path in ("versions/2/predictions", f"predictions/{asked}/reproduction"):
            refused = app.post_json(f"{MODEL}/{path}", {"instances": [[1, 1]]}, status=503)
            assert (refused.json["code"], refused.headers["Retry-After"]) == ("store_unavailable", "5")
            assert "Version 2 of model line is not loaded, and the store of bundles" in refused.json["detail"]
            assert "10.0.0.1" not in refused.text
        refused = register(app, second, status=503)
        assert (refused.json["code"], "10.0.0.1" in refused.text) == ("store_unavailable", False)
        assert [one["number"] for one in app.get(f"{MODEL}/versions").json["versions"]] == [2, 1]
        Distant.away = False
        assert app.post_json(f"{MODEL}/predictions/{asked}/reproduction", {}).json["verdict"] == "bit_equal"
        assert register(app, second).json["number"] == 3
    told = [json.dumps(record.fields) for record in caplog.records if record.message == "store_unavailable"]  # type: ignore[attr-defined]
    assert len(told) == 4
    assert all("10.0.0.1" in one for one in told)


def test_a_new_model_file_is_no_version_while_the_store_is_away(settings: dict[str, str], tmp_path: Path) -> None:
    with serving(settings) as app:
        assert app.predict("line", [[1, 1]]).json["version"] == 1
    Distant.away = True
    linear_model(tmp_path, intercept=9.0, x=1.0, y=1.0)
    words = r"mlserve\.models\.line = .* cannot be served: The bundle store distant://.* cannot be read"
    with pytest.raises(ConfigurationError, match=words), serving(settings):
        pass
    Distant.away = False
    with serving(settings) as app:
        assert app.predict("line", [[1, 1]]).json["outputs"] == [{"value": 11.0}]
        assert [one["number"] for one in app.get(f"{MODEL}/versions").json["versions"]] == [2, 1]
