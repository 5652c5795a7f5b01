"""The plugin contract, seen from the application: a whole plugin, and plugins that do it wrong."""

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyramid.interfaces import IRequestExtensions, IRoutesMapper
from pyramid.response import Response

from mlserve import main
from mlserve.errors import ConfigurationError
from tests.factories import linear_model, serving, settings_of


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Makes a plugin module out of an includeme, and gives its dotted name."""

    def make(name: str, includeme: Callable[..., None] | None, api: object = (1, 0)) -> str:
        module = types.ModuleType(name)
        module.__file__ = __file__
        if includeme is not None:
            includeme.__module__ = name
            module.includeme = includeme
        if api is not None:
            module.MLSERVE_API = api
        monkeypatch.setitem(sys.modules, name, module)
        return name

    return make


def refusal(settings: dict[str, str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main({"__script__": "proutes"}, **settings)
    return str(stopped.value)


def with_plugins(folder: Path, *names: str) -> dict[str, str]:
    return {**settings_of(folder, models={}), "mlserve.plugins": " ".join(names)}


def test_a_family_brings_resources_settings_tables_and_checks(tmp_path: Path) -> None:
    models = {"line": linear_model(tmp_path, x=1 / 3)}
    with serving(settings_of(tmp_path, models=models, linear__decimals="2")) as app:
        assert app.predict("line", [[1.0]]).json["outputs"] == [{"value": 1.33}]
        app.put("/api/v1/models/line/review", headers={"X-Reviewer": "Ada"})
        assert app.get("/api/v1/models/line/review").json["reviewers"] == ["Ada"]
        names = {route.name for route in app.app.registry.getUtility(IRoutesMapper).get_routes()}
        assert {"linear.predictions", "linear.review"} <= names
        assert "linear" in app.application.health.report()


def test_two_plugins_claiming_one_family_are_refused_with_both_places(
    tmp_path: Path, plugin: Callable[..., str]
) -> None:
    from mlserve_linear import LinearFamily

    def includeme(config):
        config.add_model_family("linear", LinearFamily)

    sentence = refusal(with_plugins(tmp_path, "mlserve_linear", plugin("mlserve_twin", includeme)))
    assert "mlserve_linear/__init__.py" in sentence
    assert "test_plugins.py" in sentence


def test_the_lineage_names_the_plugin_whatever_its_package_and_family_are_called(
    tmp_path: Path, plugin: Callable[..., str]
) -> None:
    import mlserve_linear

    def includeme(config):
        config.include(mlserve_linear.includeme)  # Another package's, and a family of another name.

    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    settings["mlserve.plugins"] = plugin("mlserve_outer", includeme)
    with serving(settings) as app:
        assert app.application.families.plugin_of("linear") == "mlserve_outer unpackaged"
        kept = app.get(app.predict("line", [[1, 2]]).headers["Content-Location"]).json
        assert kept["lineage"]["plugin"] == "mlserve_outer unpackaged"
        assert app.application.including is None


@pytest.mark.parametrize("second", ["xgboost mlserve_xgboost", "mlserve_xgboost xgboost"])
def test_one_module_under_two_names_is_refused(tmp_path: Path, second: str) -> None:
    first, other = second.split()
    assert f"names {first!r} twice, the second time as {other!r}" in refusal(with_plugins(tmp_path, *second.split()))


def test_what_a_plugin_says_of_the_ini_stops_the_start(tmp_path: Path, plugin: Callable[..., str]) -> None:
    """Whatever else it raises is its own fault (`test_faults.py`)."""

    def refuses(config):
        raise ConfigurationError("mlserve.strict.size is 3: write 4.")

    sentence = refusal(with_plugins(tmp_path, plugin("mlserve_strict", refuses)))
    assert sentence == "mlserve cannot start: mlserve.strict.size is 3: write 4."


@pytest.mark.parametrize(
    ("api", "says"),
    [(None, "MLSERVE_API"), (1, "MLSERVE_API = 1"), ((2, 0), "built for plugin contract 2.0"), ((1, 9), "1.9")],
)
def test_a_plugin_for_another_contract_is_refused(
    tmp_path: Path, plugin: Callable[..., str], api: object, says: str
) -> None:
    sentence = refusal(with_plugins(tmp_path, plugin("mlserve_other", lambda config: None, api)))
    assert "mlserve_other" in sentence
    assert says in sentence


def test_a_plugin_that_is_not_installed_or_has_no_includeme_is_named(
    tmp_path: Path, plugin: Callable[..., str]
) -> None:
    assert "'nosuch', which is not installed" in refusal(with_plugins(tmp_path, "nosuch"))
    assert "has no includeme" in refusal(with_plugins(tmp_path, plugin("mlserve_empty", None)))


def test_plugins_and_cornice_in_pyramid_includes_are_refused(tmp_path: Path) -> None:
    for name in ("mlserve_linear", "cornice"):
        settings = {**settings_of(tmp_path, models={}), "pyramid.includes": name}
        assert f"pyramid.includes names {'the plugin ' if name != 'cornice' else ''}" in refusal(settings)


def test_a_plugin_that_includes_cornice_and_scans_breaks_and_slows_nothing(
    tmp_path: Path, plugin: Callable[..., str]
) -> None:
    def includeme(config):
        config.include("cornice")
        config.scan("mlserve_linear")

    models = {"line": linear_model(tmp_path)}
    settings = settings_of(tmp_path, models=models)
    settings["mlserve.plugins"] = f"{plugin('mlserve_habit', includeme)} mlserve_linear"
    with serving(settings) as app:
        assert app.predict("line", [[1, 2]]).json["outputs"] == [{"value": 1.0}]
        registry = app.app.registry
        assert len(registry.cornice_services) >= 7
        assert not registry.has_listeners
        assert registry.queryUtility(IRequestExtensions) is None


def test_a_plugin_s_own_cornice_service_answers_in_the_one_error_shape(
    tmp_path: Path, plugin: Callable[..., str]
) -> None:
    from cornice import Service

    def refuse(request, **kwargs):
        request.errors.add("body", "name", "is missing")

    def includeme(config):
        service = Service(name="greeting", path="/api/v1/greeting", description="Says hello")
        service.add_view("GET", lambda request: {"hello": "world"})
        service.add_view("POST", lambda request: Response("never"), validators=(refuse,))
        config.add_cornice_service(service)

    settings = with_plugins(tmp_path, plugin("mlserve_greeting", includeme))
    with serving(settings) as app:
        assert app.get("/api/v1/greeting").json == {"hello": "world"}
        assert app.post_json("/api/v1/greeting", {}, status=422).json["errors"][0]["field"] == "name"
        assert app.delete("/api/v1/greeting", status=405).json["code"] == "method_not_allowed"


def test_a_predictor_that_fails_is_a_500_without_internals(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    models = {"line": linear_model(tmp_path, fail=1.0)}
    with serving(settings_of(tmp_path, models=models)) as app:
        failed = app.predict("line", [[1.0]], status=500)
        assert failed.json["code"] == "prediction_failed"
        assert "secret" not in failed.text
        assert "ZeroDivisionError" in caplog.text
        assert app.get("/api/v1/models/line/predictions").json["predictions"] == []


def test_two_applications_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    first = settings_of(folders[0], models={"one": linear_model(folders[0], x=1.0)})
    second = settings_of(folders[1], models={"two": linear_model(folders[1], x=2.0)})
    with serving(first) as one, serving(second) as two:
        assert one.predict("one", [[1]]).json["outputs"] == [{"value": 2.0}]
        assert two.predict("two", [[1]]).json["outputs"] == [{"value": 3.0}]
        one.predict("two", [[1]], status=404)


def test_a_plugin_that_brought_a_table_can_be_switched_off_and_on_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, models={"line": linear_model(tmp_path)})
    with serving(settings) as app:
        made = app.predict("line", [[1, 2]], explain=True).json["id"]
    without = {key: value for key, value in settings.items() if key not in ("mlserve.plugins", "mlserve.models.line")}
    with serving(without) as app:
        assert app.get("/api/v1/models").json["models"] == []
    with serving(settings) as app:
        assert app.get(f"/api/v1/models/line/predictions/{made}/explanation").json["stored"]
