"""The plugin contract: each directive does its work, is introspectable, and refuses a second claim."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlserve_linear import LinearContributions, LinearFamily, LinearPredictions
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationConflictError, ConfigurationExecutionError
from pyramid.response import Response
from sqlalchemy import Column, MetaData, Table, Text

from mlserve import directives
from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.bundles import manifest
from mlserve.directives import CORE_CHECKS, DIRECTIVES, plugin_of
from mlserve.errors import BundleError, ConfigurationError
from mlserve.inference import Imported, LiveModel
from mlserve.protocols import Failure
from mlserve.settings import Setting
from mlserve.startup import build
from tests.factories import serving, settings_of


class ToyFamily(LinearFamily):
    name = "toy"


class ToyPredictions(LinearPredictions):
    """Predictions of toys."""

    family = "toy"


class ToyCount(Resource):
    """Counts."""

    operations = {"get": Operation("Count", answer={}, needs="predict")}  # noqa: RUF012

    def get(self) -> int:
        return 1


class ToyImporter:
    """Reads no folder at all."""

    def reads(self, path: Path) -> bool:
        return False

    def read(self, path: Path, folder: Path) -> Imported:
        raise BundleError(path.name)


@pytest.fixture
def config(tmp_path: Path) -> Configurator:
    settings = settings_of(tmp_path, models={})
    settings["mlserve.plugins"] += " mlserve_pages mlserve_abacus"
    config = build(settings, here=None)
    config.add_importer("shelf", ToyImporter())
    config.commit()
    return config


def check() -> dict[str, Any]:
    return {}


def panel(request: Any, model: LiveModel) -> None:
    return None


TEMPLATE = "mlserve_pages:templates/panel.jinja2"


def tell(request: Any, failure: Failure) -> Response:
    return Response(failure.detail, status=failure.status)


def claim_setting(config: Configurator) -> None:
    config.add_setting(Setting("mlserve.toy.size", "int", 3, "How large."))


CLAIMS: dict[str, Callable[[Configurator], None]] = {
    "add_setting": lambda config: config.add_setting(
        Setting("mlserve.toy.size", "int", 3, f"How large, {id(config)}.")
    ),
    "add_model_family": lambda config: config.add_model_family("toy", ToyFamily),
    "add_model_resource": lambda config: config.add_model_resource("predictions", ToyPredictions),
    "add_migrations": lambda config: config.add_migrations("mlserve_linear:migrations"),
    "add_prediction_table": lambda config: config.add_prediction_table("linear", LinearContributions()),
    "add_health_check": lambda config: config.add_health_check("toy", check),
    "add_model_panel": lambda config: config.add_model_panel("toy", template=TEMPLATE, view=panel),
    "add_importer": lambda config: config.add_importer("toy", ToyImporter()),
    "add_protocol": lambda config: config.add_protocol("toy", "/toy", tell),
    "add_protocol_resource": lambda config: config.add_protocol_resource("toy.count", "/toy/{model}", ToyCount),
}
INTROSPECTED = {
    "add_setting": ("mlserve settings", "mlserve.linear.decimals"),
    "add_model_family": ("mlserve families", "linear"),
    "add_model_resource": ("mlserve resources", "linear.predictions"),
    "add_migrations": ("mlserve migrations", "mlserve_linear:migrations"),
    "add_prediction_table": ("mlserve prediction tables", "linear"),
    "add_health_check": ("mlserve health checks", "linear"),
    "add_model_panel": ("mlserve panels", (None, "inputs")),
    "add_importer": ("mlserve importers", "shelf"),
    "add_protocol": ("mlserve protocols", ("abacus", "/abacus")),
    "add_protocol_resource": ("mlserve protocol resources", "abacus.count"),
}


def test_every_directive_of_the_contract_is_there_and_described(config: Configurator) -> None:
    assert set(DIRECTIVES) == set(INTROSPECTED)
    for name in DIRECTIVES:
        directive = getattr(config, name)
        assert directive.__doc__


@pytest.mark.parametrize("directive", DIRECTIVES)
def test_what_a_plugin_brought_can_be_looked_up(config: Configurator, directive: str) -> None:
    category, name = INTROSPECTED[directive]
    assert config.introspector.get(category, name) is not None


def test_every_directive_can_be_claimed_twice_here() -> None:
    assert set(CLAIMS) == set(DIRECTIVES)


@pytest.mark.parametrize("directive", CLAIMS)
def test_a_second_claim_of_a_name_names_both_places(config: Configurator, directive: str) -> None:
    def one(inner: Configurator) -> None:
        CLAIMS[directive](inner)

    def other(inner: Configurator) -> None:
        CLAIMS[directive](inner)

    refuse_together(config, one, other)


def refuse_together(config: Configurator, *plugins: Callable[[Configurator], None]) -> None:
    for plugin in plugins:
        config.include(plugin)
    with pytest.raises(ConfigurationConflictError) as conflict:
        config.commit()
    assert str(conflict.value).count("test_directives.py") >= 2


def test_a_setting_is_read_at_once_and_claimed_once(config: Configurator) -> None:
    claim_setting(config)
    assert config.registry.mlserve.settings["mlserve.toy.size"] == 3
    config.commit()
    CLAIMS["add_setting"](config)
    with pytest.raises(ConfigurationExecutionError, match=r"mlserve\.toy\.size is claimed twice"):
        config.commit()


def test_one_key_in_two_spellings_is_one_claim(config: Configurator) -> None:
    def one(inner: Configurator) -> None:
        inner.add_setting(Setting("mlserve.toy.a-b", "int", 3, "One."))

    def other(inner: Configurator) -> None:
        inner.add_setting(Setting("mlserve.toy.a_b", "int", 3, "Other."))

    refuse_together(config, one, other)


def test_what_the_core_has_is_not_given_away(config: Configurator) -> None:
    with pytest.raises(ConfigurationError, match=r"adds the setting mlserve\.var, which the core has"):
        config.add_setting(Setting("mlserve.var", "str", "", "Mine."))
    for name in CORE_CHECKS:
        with pytest.raises(ConfigurationError, match=f"adds the health check '{name}', which the core has"):
            config.add_health_check(name, check)


@pytest.mark.parametrize("way", ["sql", "process"])
def test_the_core_s_checks_are_the_ones_that_are_refused(tmp_path: Path, way: str) -> None:
    with serving(settings_of(tmp_path, models={}, log__way=way)) as app:
        assert set(app.application.health.report()) == {*CORE_CHECKS, "linear"} - {"webhooks"}


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("actuals", "actuals"),
        ("{anything}", "actuals"),
        ("predictions/{key}", "prediction"),
        ("{rest:.*}", "prediction"),
        ("predictions/{id}/actuals", "prediction_actuals"),
    ],
)
def test_a_resource_hides_none_of_the_core_s(config: Configurator, name: str, hidden: str) -> None:
    with pytest.raises(ConfigurationError, match=f"would hide the core's '{hidden}'"):
        config.add_model_resource(name, ToyPredictions)


def test_addresses_that_differ_by_a_placeholder_s_name_are_one_claim(config: Configurator) -> None:
    def one(inner: Configurator) -> None:
        inner.add_model_resource("trees/{id}", ToyPredictions)

    def other(inner: Configurator) -> None:
        inner.add_model_resource("trees/{tree}", ToyPredictions)

    refuse_together(config, one, other)


def test_nothing_is_changed_before_the_commit(config: Configurator) -> None:
    application = config.registry.mlserve

    def brought() -> list[Any]:
        return [
            dict(application.model_resources),
            list(application.migrations),
            list(application.families),
            dict(application.prediction_tables),
            dict(application.panels),
            dict(application.importers),
            set(application.health.report()),
            application.own_addresses.claim_of("/toy"),
            dict(application.protocol_resources),
        ]

    before = brought()
    for directive in set(DIRECTIVES) - {"add_setting", "add_prediction_table"}:  # A setting is read at once.
        CLAIMS[directive](config)
    config.add_prediction_table("toy", LinearContributions())
    assert brought() == before
    config.commit()
    assert [after != earlier for after, earlier in zip(brought(), before, strict=True)] == [True] * 9


@pytest.mark.parametrize("name", ["", "Toy", "a.b", "7up", "a" * 64, "toy\n"])
def test_a_family_has_a_name_that_a_bundle_can_hold(config: Configurator, name: str) -> None:
    assert directives.FAMILY_NAME == manifest.FAMILY_NAME
    with pytest.raises(ConfigurationError, match="a family's name has at most 63 characters"):
        config.add_model_family(name, ToyFamily)


def test_a_family_belongs_to_the_plugin_that_brought_it(config: Configurator) -> None:
    application = config.registry.mlserve
    plugin, *_ = application.plugins.values()
    assert application.families.plugin_of("linear") == plugin.label
    assert application.families.of_plugin(plugin.label) == ["linear"]
    config.add_model_family("toy", ToyFamily)
    config.commit()
    assert application.families.get("toy") is not None
    assert plugin_of(config) == config.package.__name__


def test_a_family_must_be_called_what_it_is_registered_as(config: Configurator) -> None:
    config.add_model_family("game", ToyFamily)
    with pytest.raises(ConfigurationExecutionError, match="'game' calls itself 'toy'"):
        config.commit()


def test_a_health_check_runs_with_the_others(config: Configurator) -> None:
    config.add_health_check("toy", check)
    config.commit()
    assert config.registry.mlserve.health.report()["toy"] == {"state": "unknown"}


def test_a_family_s_table_is_the_one_that_the_log_fills(config: Configurator) -> None:
    application = config.registry.mlserve
    assert isinstance(application.prediction_tables["linear"], LinearContributions)
    table = LinearContributions()
    config.add_prediction_table("toy", table)  # Before its family: the order of the calls does not matter.
    config.add_model_family("toy", ToyFamily)
    config.commit()
    assert application.prediction_tables["toy"] is table


def test_a_table_belongs_to_a_family_and_has_the_predictions_ids(config: Configurator) -> None:
    table = LinearContributions()
    table.table = Table("elsewhere", MetaData(), Column("id", Text, primary_key=True))
    with pytest.raises(ConfigurationError, match="elsewhere, whose primary key has no prediction_id"):
        config.add_prediction_table("linear", table)
    config.add_prediction_table("nobody", LinearContributions())
    with pytest.raises(ConfigurationExecutionError, match="for the family 'nobody', which no enabled plugin brings"):
        config.commit()


def test_panels_of_different_families_may_have_one_name(config: Configurator) -> None:
    panels = config.registry.mlserve.panels
    config.add_model_panel("importance", template=TEMPLATE, view=panel, family="toy")  # Before its family.
    config.add_model_panel("importance", template=TEMPLATE, view=panel, family="linear")
    config.add_model_panel("importance", template=TEMPLATE, view=panel)
    config.add_model_family("toy", ToyFamily)
    config.commit()
    assert [family for family, name in panels if name == "importance"] == ["toy", "linear", None]
    assert {found.family for found in panels.values() if found.name == "importance"} == {"toy", "linear", None}


def test_two_panels_of_one_family_have_two_names(config: Configurator) -> None:
    def one(inner: Configurator) -> None:
        inner.add_model_panel("importance", template=TEMPLATE, view=panel, family="linear")

    def other(inner: Configurator) -> None:
        inner.add_model_panel(
            "importance", template="mlserve_pages:templates/broken.jinja2", view=panel, family="linear"
        )

    refuse_together(config, one, other)


def test_a_panel_s_family_is_one_that_is_there(config: Configurator) -> None:
    config.add_model_panel("importance", template=TEMPLATE, view=panel, family="liner")
    with pytest.raises(ConfigurationExecutionError, match="the panel 'importance' for the family 'liner', which no"):
        config.commit()


def test_a_panel_s_template_is_one_that_is_there(config: Configurator) -> None:
    config.add_model_panel("importance", template="mlserve_pages:templates/pannel.jinja2", view=panel)
    with pytest.raises(
        ConfigurationExecutionError, match=r"whose template mlserve_pages:templates/pannel\.jinja2 does"
    ):
        config.commit()


def test_a_panel_s_template_may_be_another_in_its_place(config: Configurator) -> None:
    absent = "mlserve_pages:templates/pannel.jinja2"
    config.add_model_panel("importance", template=absent, view=panel)
    config.override_asset(to_override=absent, override_with=TEMPLATE)
    config.commit()
    assert config.registry.mlserve.panels[None, "importance"].template == absent


def test_migrations_are_run_in_the_order_of_their_plugins(config: Configurator) -> None:
    config.add_migrations("toys:migrations")
    config.commit()
    assert config.registry.mlserve.migrations == ["mlserve_linear:migrations", "toys:migrations"]


def test_a_protocol_s_resource_lies_where_the_protocol_does_and_says_who_may(config: Configurator) -> None:
    class Open(ToyCount):
        operations = {"get": Operation("Count", answer={})}  # noqa: RUF012

    with pytest.raises(ConfigurationError, match="brings Open, whose get does not say which role it needs"):
        config.add_protocol_resource("toy.open", "/toy/{model}", Open)
    config.add_protocol_resource("toy.count", "/toys/{model}", ToyCount)
    with pytest.raises(ConfigurationExecutionError, match=r"a resource at /toys/\{model\}, which it claims for no"):
        config.commit()


def test_a_resource_s_name_exempts_no_route_of_the_core_that_begins_like_it(config: Configurator) -> None:
    address = "/api/v1/models/{model}"
    config.add_protocol("toy", address, tell, exact=True)
    config.add_protocol_resource("mod", address, ToyCount)
    with pytest.raises(ConfigurationExecutionError, match=r"for the protocol toy, and /api/v1/ is the core's"):
        config.commit()


def test_a_protocol_may_have_one_address_only_once(config: Configurator) -> None:
    def one(inner: Configurator) -> None:
        inner.add_protocol_resource("toy.one", "/toy/{model}", ToyCount)

    def other(inner: Configurator) -> None:
        inner.add_protocol_resource("toy.other", "/toy/{name}", ToyCount)

    CLAIMS["add_protocol"](config)
    refuse_together(config, one, other)


def test_a_family_is_brought_by_its_class(config: Configurator) -> None:
    with pytest.raises(ConfigurationError, match="give the class ToyFamily itself"):
        config.add_model_family("toy", ToyFamily())
