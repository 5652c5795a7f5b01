"""The plugin contract: what a plugin's `includeme(config)` may call, besides ordinary Pyramid and Cornice registration.

A plugin module also says `MLSERVE_API = (1, 0)`: the version of this contract that it was built for.
"""

from collections.abc import Callable

from pyramid.config import Configurator

from mlserve.api.context import ModelContext
from mlserve.api.cornice import add_resource
from mlserve.api.resources import ModelResource
from mlserve.errors import ConfigurationError
from mlserve.inference import ModelFamily
from mlserve.observability.health import Check
from mlserve.settings import Setting

DIRECTIVES = (
    "add_setting",
    "add_model_family",
    "add_model_resource",
    "add_migrations",
    "add_health_check",
)


def includeme(config: Configurator) -> None:
    for name in DIRECTIVES:
        config.add_directive(name, globals()[name])


def add_setting(config: Configurator, setting: Setting) -> None:
    """Give the INI one more key, `mlserve.<plugin>.<name>`, with type, default and help; it can be read at once."""
    config.registry.mlserve.settings.add(setting)
    introspectable = config.introspectable("mlserve settings", setting.name, setting.name, "setting")
    introspectable["help"] = setting.help
    config.action(("mlserve setting", setting.name), introspectables=(introspectable,))


def add_model_family(config: Configurator, name: str, factory: Callable[[], ModelFamily]) -> None:
    """Bring a model family: `factory()` gives the ModelFamily that inspects and loads its artefacts."""
    application = config.registry.mlserve
    introspectable = config.introspectable("mlserve families", name, name, "model family")
    introspectable["factory"] = factory

    def register() -> None:
        family = factory()
        if family.name != name:
            raise ConfigurationError(f"The family registered as {name!r} calls itself {family.name!r}.")
        application.add_family(family, plugin_of(config))

    config.action(("mlserve family", name), register, introspectables=(introspectable,))


def add_model_resource(config: Configurator, name: str, resource: type[ModelResource]) -> None:
    """Give each model of `resource.family` the REST resource `/api/v1/models/{model}/<name>`.

    The route is called `<family>.<name>`; `resource` has a method for each verb (`get`, `post` …).
    """
    route = f"{resource.family}.{name}"
    introspectable = config.introspectable("mlserve resources", route, route, "model resource")
    introspectable["resource"] = resource
    config.action(("mlserve resource", route), introspectables=(introspectable,))
    config.registry.mlserve.model_resources[(resource.family, name)] = resource
    path = f"/api/v1/models/{{model}}/{name}"
    add_resource(config, route, path, resource, factory=ModelContext, family=resource.family)


def add_migrations(config: Configurator, location: str) -> None:
    """Bring tables: an Alembic version location, `package:folder`, whose first revision has a branch label."""
    introspectable = config.introspectable("mlserve migrations", location, location, "migrations")
    config.action(("mlserve migrations", location), introspectables=(introspectable,))
    config.registry.mlserve.migrations.append(location)


def add_health_check(config: Configurator, name: str, check: Check) -> None:
    """Add a check to `/health/ready`: called in the background; returns a detail, raises when not ready."""
    introspectable = config.introspectable("mlserve health checks", name, name, "health check")
    config.action(
        ("mlserve health check", name),
        lambda: config.registry.mlserve.health.add(name, check),
        introspectables=(introspectable,),
    )


def plugin_of(config: Configurator) -> str:
    """The label of the plugin that is being included, for the lineage of its predictions."""
    package = config.package.__name__
    for plugin in config.registry.mlserve.plugins.values():
        if package == plugin.module.__name__ or package.startswith(plugin.module.__name__ + "."):
            return str(plugin.label)
    return str(package)
