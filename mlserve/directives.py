"""The plugin contract: what a plugin's `includeme(config)` may call, besides ordinary Pyramid and Cornice registration.

A plugin module also says `MLSERVE_API = (1, 0)`: the version of this contract that it was built for.
"""

import re
from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.path import AssetResolver
from pyramid.urldispatch import Route

from mlserve.api.context import ApiContext, ModelContext
from mlserve.api.cornice import VERBS, add_resource
from mlserve.api.failure import WriteProblem
from mlserve.api.openapi import OF_EACH_MODEL as OPENAPI
from mlserve.api.own_addresses import Claim, sample
from mlserve.api.panels import Panel, PanelView
from mlserve.api.resources import ModelResource, Resource
from mlserve.application import Application
from mlserve.bundles.manifest import FAMILY_NAME
from mlserve.errors import ConfigurationError
from mlserve.inference import Importer, ModelFamily
from mlserve.observability.health import Check
from mlserve.predictions.family_tables import PredictionTable
from mlserve.predictions.wiring import RESOURCES
from mlserve.registry.setting_checks import SettingCheck
from mlserve.registry.wiring import RESOURCES as REGISTRY
from mlserve.settings import CORE, Setting

DIRECTIVES = (
    "add_setting",
    "add_model_family",
    "add_importer",
    "add_model_resource",
    "add_migrations",
    "add_prediction_table",
    "add_health_check",
    "add_model_panel",
    "add_protocol",
    "add_protocol_resource",
)

# The core's own checks, which would be replaced in silence.
CORE_CHECKS = ("database", "plugins", "models", "shipper", "log", "webhooks")

# One step of an address after the other; a placeholder may have an expression of its own.
_PREFIX = re.compile(r"(/([A-Za-z0-9._~:-]|{\w+(:[^{}/]+)?})+)+")


def includeme(config: Configurator) -> None:
    for name in DIRECTIVES:
        config.add_directive(name, globals()[name])


def add_setting(config: Configurator, setting: Setting, *, check: SettingCheck | None = None) -> None:
    """Give the INI one more key, `mlserve.<section>.<name>`, with type, default and help; it can be read at once.

    A family's section is called as the family: its `load` is given the values of `mlserve.<family>.*`. A plugin
    without a family uses its own name.

    Of a key that says something of models, `check(models)` gives sentences about what does not fit those that there
    are: signatures by model and alias.
    """
    application = config.registry.mlserve
    settings = application.settings
    if setting.variable in {core.variable for core in CORE}:
        raise ConfigurationError(f"{plugin_of(config)} adds the setting {setting.name}, which the core has.")
    if setting.variable not in {other.variable for other in settings.table}:
        settings.add(setting)
    introspectable = config.introspectable("mlserve settings", setting.name, setting.name, "setting")
    introspectable["help"] = setting.help
    owner = "" if application.including is None else application.including.name

    def confirm() -> None:
        if setting not in settings.table:
            raise ConfigurationError(f"{setting.name} is claimed twice: another plugin has added that key.")
        if check is not None:
            application.setting_checks[setting.name] = check, owner

    # Two claims in one start are told with both their places.
    config.action(("mlserve setting", setting.variable), confirm, introspectables=(introspectable,))


def add_model_family(config: Configurator, name: str, factory: Callable[[], ModelFamily]) -> None:
    """Bring a model family: `factory()` gives the ModelFamily that inspects and loads its artefacts."""
    application, plugin = config.registry.mlserve, plugin_of(config)
    if not FAMILY_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{plugin} brings a family named {name!r}: a family's name has at most 63 characters a-z, 0-9, _ and -, "
            "and begins with a letter."
        )
    if not callable(factory):
        raise ConfigurationError(
            f"{plugin} brings the family {name!r} by an object of {type(factory).__name__}: give the class "
            f"{type(factory).__name__} itself, or a function that makes one."
        )
    introspectable = config.introspectable("mlserve families", name, name, "model family")
    introspectable["factory"] = factory
    if application.including is not None:
        application.families.claim(name, application.including.name)

    def register() -> None:
        family = factory()
        if family.name != name:
            raise ConfigurationError(f"The family registered as {name!r} calls itself {family.name!r}.")
        application.families.add(family, plugin)

    config.action(("mlserve family", name), register, introspectables=(introspectable,))


def add_model_resource(config: Configurator, name: str, resource: type[ModelResource]) -> None:
    """Give each model of `resource.family` the REST resource `/api/v1/models/{model}/<name>`.

    The route is called `<family>.<name>`; `resource` has a method for each verb (`get`, `post` …).
    """
    application, route = config.registry.mlserve, f"{resource.family}.{name}"
    if hidden := _core_resource_behind(name):
        raise ConfigurationError(
            f"{plugin_of(config)} brings the resource {route!r}, which would hide the core's {hidden!r}."
        )
    introspectable = config.introspectable("mlserve resources", route, route, "model resource")
    introspectable["resource"] = resource

    def register() -> None:
        application.model_resources[(resource.family, name)] = resource

    # Addresses that differ by the name of a placeholder only are one.
    address = re.sub(r"{\w+}", "{}", route)
    config.action(("mlserve resource", address), register, introspectables=(introspectable,))
    path = f"/api/v1/models/{{model}}/{name}"
    add_resource(config, route, path, resource, factory=ModelContext, family=resource.family)


def add_importer(config: Configurator, name: str, importer: Importer) -> None:
    """Let `mlserve package` read the model folders of another tool."""
    introspectable = config.introspectable("mlserve importers", name, name, "importer")
    introspectable["importer"] = importer
    importers = config.registry.mlserve.importers
    config.action(
        ("mlserve importer", name), lambda: importers.update({name: importer}), introspectables=(introspectable,)
    )


def add_migrations(config: Configurator, location: str) -> None:
    """Bring tables: an Alembic version location, `package:folder`, whose first revision has a branch label."""
    introspectable = config.introspectable("mlserve migrations", location, location, "migrations")
    application, plugin = config.registry.mlserve, config.registry.mlserve.including

    def register() -> None:
        application.migrations.append(location)
        if plugin is not None:
            application.migrating[location] = plugin

    config.action(("mlserve migrations", location), register, introspectables=(introspectable,))


def add_prediction_table(config: Configurator, family: str, table: PredictionTable) -> None:
    """Keep the explanations of a family's predictions in a table of the plugin's own, filled by the log's writer.

    The table comes by `add_migrations`, and its primary key has the column `prediction_id`.
    """
    application, plugin, name = config.registry.mlserve, plugin_of(config), table.table.name
    if "prediction_id" not in table.table.primary_key.columns:
        raise ConfigurationError(f"{plugin} keeps explanations in {name}, whose primary key has no prediction_id.")
    introspectable = config.introspectable("mlserve prediction tables", family, name, "prediction table")
    introspectable["table"] = table

    def register() -> None:
        _require_family(application, family, f"{plugin} brings the table {name}")
        application.prediction_tables[family] = table

    # After the families, in whatever order a plugin calls the directives.
    config.action(("mlserve prediction table", family), register, order=1, introspectables=(introspectable,))


def add_health_check(config: Configurator, name: str, check: Check) -> None:
    """Add a check to `/health/ready`: called in the background; returns a detail, raises when not ready."""
    if name in CORE_CHECKS:
        raise ConfigurationError(f"{plugin_of(config)} adds the health check {name!r}, which the core has.")
    introspectable = config.introspectable("mlserve health checks", name, name, "health check")
    application = config.registry.mlserve
    owner = None if application.including is None else application.including.name
    config.action(
        ("mlserve health check", name),
        lambda: application.health.add(name, check, owner),
        introspectables=(introspectable,),
    )


def add_model_panel(
    config: Configurator, name: str, *, template: str, view: PanelView, family: str | None = None
) -> None:
    """Add a panel to the page of each model, or of each of one family.

    `template` is an asset, as renderers take it. `view(request, model)` gives its values for a LiveModel, or None where
    there is nothing to show. Panels of different families may have one name.
    """
    application, plugin = config.registry.mlserve, plugin_of(config)
    panel = Panel(name, config.absolute_asset_spec(template), view, family)
    label = name if family is None else f"{family}.{name}"
    introspectable = config.introspectable("mlserve panels", (family, name), label, "model panel")
    introspectable["panel"] = panel

    def register() -> None:
        if family is not None:
            _require_family(application, family, f"{plugin} brings the panel {name!r}")
        if not AssetResolver().resolve(panel.template).exists():
            raise ConfigurationError(
                f"{plugin} brings the panel {name!r}, whose template {panel.template} does not exist."
            )
        application.panels[(family, name)] = panel

    # After the families and the overridden assets, in whatever order a plugin calls the directives.
    config.action(("mlserve panel", family, name), register, order=1, introspectables=(introspectable,))


def add_protocol(
    config: Configurator, name: str, prefix: str, write_problem: WriteProblem, *, exact: bool = False
) -> None:
    """Claim addresses for a protocol that is not ours: `prefix` and all below it, or `exact`ly those of a pattern.

    Every failure there, that of an address without a resource too, is told by `write_problem(request, failure)`. A
    protocol may claim several.
    """
    application, plugin = config.registry.mlserve, plugin_of(config)
    if not _PREFIX.fullmatch(prefix) or ("{" in prefix and not exact):
        raise ConfigurationError(
            f"{plugin} claims {prefix!r} for the protocol {name}: an address begins with a slash, does not end in one, "
            "and has placeholders only where it is exact."
        )
    claim = Claim(name, plugin, prefix, exact, write_problem)
    introspectable = config.introspectable("mlserve protocols", (name, prefix), f"{name} {prefix}", "protocol")
    introspectable["claim"] = claim

    def register() -> None:
        for other in application.own_addresses.claims_like(claim):
            if other.protocol != name or other.plugin != plugin:
                raise ConfigurationError(
                    f"{plugin} claims {prefix} for the protocol {name}, and {other.plugin} {other.path} for the "
                    f"protocol {other.protocol}: enable one of the two."
                )
        application.own_addresses.claim(claim)

    def refuse_core() -> None:
        of_protocols = {
            route
            for name, (_, resource) in application.protocol_resources.items()
            for route in (name, *(f"{name}.{verb}" for verb in resource.plain))
        }
        routes = [it for it in config.get_routes_mapper().get_routes() if it.name not in of_protocols]
        # Behind a prefix Pyramid leaves the first slash out.
        patterns = ["/" + route.pattern.lstrip("/") for route in routes]
        own = application.own_addresses.of_core_in(claim, patterns)
        if own is not None:
            raise ConfigurationError(f"{plugin} claims {prefix} for the protocol {name}, and {own} is the core's.")

    discriminator = ("mlserve protocol", prefix)
    config.action(discriminator, register, introspectables=(introspectable,))
    # When the core has said which addresses are its own, and the protocols' resources are known.
    config.action((*discriminator, "core"), refuse_core, order=2)


def add_protocol_resource(
    config: Configurator,
    name: str,
    path: str,
    resource: type[Resource],
    *,
    model: Callable[[Any], str | None] | None = None,
) -> None:
    """Give an address of a protocol a resource, whose every verb is described; `name` is its route's.

    `model(request)` names the model where the path does not; None where it cannot be said.
    """
    application, plugin = config.registry.mlserve, plugin_of(config)
    verbs = [verb for verb in VERBS if hasattr(resource, verb)]
    for verb in verbs:
        if not (resource.operations[verb].needs if verb in resource.operations else ""):
            raise ConfigurationError(
                f"{plugin} brings {resource.__name__}, whose {verb} does not say which role it needs: give its "
                "Operation the argument needs."
            )
    introspectable = config.introspectable("mlserve protocol resources", name, name, "protocol resource")
    introspectable["resource"], introspectable["path"] = resource, path

    def register() -> None:
        claim = application.own_addresses.claim_of(application.own_addresses.prefix + sample(path))
        if claim is None or claim.plugin != plugin:
            raise ConfigurationError(f"{plugin} brings a resource at {path}, which it claims for no protocol.")
        application.protocol_resources[name] = (path, resource)

    config.action(("mlserve protocol resource", name), register, order=1, introspectables=(introspectable,))
    config.action(("mlserve protocol address", re.sub(r"{\w+", "{", path)), None)
    add_resource(config, name, path, resource, factory=ApiContext, model=model)


def plugin_of(config: Configurator) -> str:
    """The label of the plugin that is being included, for the lineage of its predictions.

    Outside of one, the application around us brings something of its own: the package that calls.
    """
    including = config.registry.mlserve.including
    return str(config.package.__name__ if including is None else including.label)


def _require_family(application: Application, family: str, claim: str) -> None:
    if application.families.get(family) is None and not application.families.has_failed(family):
        raise ConfigurationError(f"{claim} for the family {family!r}, which no enabled plugin brings.")


def _core_resource_behind(name: str) -> str | None:
    """The core's resource whose addresses a model resource of this name would answer, since plugins are asked first."""
    for route, (suffix, _) in {**RESOURCES, **REGISTRY, **OPENAPI}.items():
        if Route("", f"/{name}").match(re.sub(r"{\w+}", "0", suffix)) is not None:
            return route
    return None
