"""The models that the INI declares become versions."""

import json
from pathlib import Path
from typing import Any

import pytest
from mlserve_linear.family import LinearFamily

from mlserve.application import Application
from mlserve.bundles import BundleStore
from mlserve.db import migrate
from mlserve.db.engine import open_database
from mlserve.errors import ConfigurationError, SignatureError
from mlserve.names import CHAMPION
from mlserve.registry import aliases, service
from mlserve.registry.bringing import inspect, pack_artefact
from mlserve.registry.declared import examine, load_declared
from mlserve.settings import Setting, read_settings
from tests.factories import linear_model


def application(folder: Path, url: str | None = None, **models: Path) -> Application:
    """What `load_declared` needs of an application: settings, one family, a database."""
    raw = {"mlserve.var": str(folder / "var"), **{f"mlserve.models.{name}": str(path) for name, path in models.items()}}
    settings = read_settings(raw, {}, folder)
    settings.add(Setting("mlserve.linear.decimals", "int", 3, "Decimals."))
    made = Application(settings)
    made.families.add(LinearFamily(), "linear-plugin 1")
    (folder / "var").mkdir(exist_ok=True)
    url = url or settings["mlserve.database.url"]
    if url.startswith("sqlite"):
        migrate.upgrade(url)
    made.database = open_database(url, 0.5)
    return made


def sidecar(path: Path, **content: object) -> None:
    path.with_name(path.name + ".signature.json").write_text(json.dumps(content))


def test_a_declared_model_is_packed_registered_and_answers(tmp_path: Path) -> None:
    made = application(tmp_path, line=linear_model(tmp_path))
    load_declared(made)
    lineage = made.live.get("line").loaded().lineage
    assert (lineage.model, lineage.version, lineage.plugin) == ("line", 1, "linear-plugin 1")
    with made.database.read() as connection:
        (version,) = service.versions(connection, "line")
    assert version["digest"] == lineage.digest
    assert BundleStore(tmp_path / "var" / "bundles").has(lineage.digest)
    made.database.close()


def test_the_same_file_stays_a_version_and_another_is_the_next(tmp_path: Path) -> None:
    path = linear_model(tmp_path)
    numbers = []
    for intercept in (1.0, 1.0, 2.0, 1.0):
        linear_model(tmp_path, intercept=intercept)
        made = application(tmp_path, line=path)
        load_declared(made)
        numbers.append(made.live.get("line").loaded().lineage.version)
        made.database.close()
    assert numbers == [1, 1, 2, 1]


def test_without_the_database_a_known_bundle_answers_and_a_new_one_stops_the_start(tmp_path: Path) -> None:
    path = linear_model(tmp_path)
    first = application(tmp_path, line=path)
    load_declared(first)
    first.database.close()
    away = "postgresql://127.0.0.1:1/none"
    second = application(tmp_path, away, line=path)
    load_declared(second)
    assert second.live.get("line").loaded().lineage.version == 1
    assert second.stale_since is not None
    linear_model(tmp_path, intercept=9.0)
    with pytest.raises(ConfigurationError, match=r"mlserve\.database\.url cannot be reached.* model line"):
        load_declared(application(tmp_path, away, line=path))


def test_a_sidecar_completes_the_file_s_signature_and_is_part_of_the_digest(tmp_path: Path) -> None:
    path, store = linear_model(tmp_path), BundleStore(tmp_path / "bundles")
    plain = pack_artefact(LinearFamily(), path, store)
    sidecar(path, inputs=[{"name": "x", "unit": "km", "minimum": 0}])
    completed = pack_artefact(LinearFamily(), path, store)
    assert completed.digest != plain.digest
    assert completed.signature.inputs[0].unit == "km"
    sidecar(path, inputs=[{"name": "z"}])
    with pytest.raises(SignatureError, match="'z'"):
        inspect(LinearFamily(), path)


def test_whatever_is_wrong_with_an_artefact_names_its_key(tmp_path: Path) -> None:
    path = linear_model(tmp_path)
    path.write_text("{}")
    made = application(tmp_path, line=path)
    for load in (lambda: load_declared(made), lambda: examine(made, "line", path)):
        with pytest.raises(ConfigurationError, match=r"^mlserve\.models\.line = .* cannot be served: .*[^.]\.$"):
            load()
    made.database.close()


def test_a_suffix_in_capitals_finds_its_family(tmp_path: Path) -> None:
    path = linear_model(tmp_path).rename(tmp_path / "LINE.LINEAR")
    made = application(tmp_path, line=path)
    examine(made, "line", path)
    load_declared(made)
    assert made.live.get("line").family == "linear"
    made.database.close()


def test_examining_loads_and_closes_and_keeps_nothing(tmp_path: Path) -> None:
    path = linear_model(tmp_path)
    made = application(tmp_path, line=path)
    examine(made, "line", path)
    assert list(made.live) == []
    assert not (tmp_path / "var" / "bundles").exists()
    with made.database.read() as connection:
        assert service.models(connection) == []
    made.database.close()


def failing(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The family raises at its first loads."""
    load, left = LinearFamily.load, [ZeroDivisionError("once") for _ in range(times)]

    def fail(*given: Any) -> Any:
        if left:
            raise left.pop()
        return load(*given)

    monkeypatch.setattr(LinearFamily, "load", fail)


def test_a_declared_model_that_loads_at_the_second_try_is_as_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = linear_model(tmp_path)
    first = application(tmp_path, line=path)
    load_declared(first)
    first.database.close()
    failing(monkeypatch, 1)
    made = application(tmp_path, line=path)
    load_declared(made)
    assert made.live.get("line").loaded().lineage.version == 1
    assert made.faults.not_as_declared == {}
    made.database.close()


def test_a_declaration_that_a_plugin_fails_at_is_told_until_somebody_moves_the_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = linear_model(tmp_path)
    for intercept in (1.0, 2.0):
        linear_model(tmp_path, intercept=intercept)
        before = application(tmp_path, line=path)
        load_declared(before)
        before.database.close()
    linear_model(tmp_path, intercept=3.0)
    failing(monkeypatch, 1)
    made = application(tmp_path, line=path)
    load_declared(made)
    assert made.live.get("line").loaded().lineage.version == 2
    assert "takes longer" not in made.faults.not_as_declared["line"]
    made.registry.look()
    with made.database.write() as connection:
        aliases.move(connection, "line", "shadow", 1)
    made.registry.look()
    assert list(made.faults.not_as_declared) == ["line"]  # The older champion answers on.
    with made.database.write() as connection:
        aliases.move(connection, "line", CHAMPION, 1)
    made.registry.look()
    assert made.faults.not_as_declared == {}
    made.database.close()
