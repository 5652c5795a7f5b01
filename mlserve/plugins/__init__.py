"""The plugins that the INI enables: found, checked for the contract that they were built for, and included."""

from functools import partial
from typing import TYPE_CHECKING, Any

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.observability.health import Degraded
from mlserve.plugins.contained import include
from mlserve.plugins.found import (
    API_VERSION,
    GROUP,
    ImportFailed,
    Plugin,
    find,
    installed,
    refuse_in_pyramid_includes,
)
from mlserve.plugins.sources import contract_of, source_of

if TYPE_CHECKING:
    from mlserve.application import Application

__all__ = [
    "API_VERSION",
    "GROUP",
    "ImportFailed",
    "Plugin",
    "contract_of",
    "find",
    "includeme",
    "installed",
    "refuse_in_pyramid_includes",
    "source_of",
]


def includeme(config: Configurator) -> None:
    """Include the plugins of `mlserve.plugins`, in that order. One that fails is left out, and told of.

    Raises ConfigurationError for what the INI has wrong.
    """
    application = config.registry.mlserve
    tried: dict[str, str] = {}  # names by module
    for name in application.settings["mlserve.plugins"]:
        point = installed().get(name)
        module = point.value if point else name
        if module in tried:
            also = "" if tried[module] == name else f", the second time as {name!r}"
            raise ConfigurationError(f"mlserve.plugins names {tried[module]!r} twice{also}: remove one.")
        tried[module] = name
        try:
            plugin = find(name)
        except ImportFailed as failed:
            application.faults.add(failed.fault)
            continue
        application.plugins[name] = plugin
        include(config, plugin)
    application.settings.refuse_unknown(
        {name: point.value in tried for name, point in installed().items()}, lenient=len(application.faults) > 0
    )
    application.health.add("plugins", partial(_check_health, application))


def _check_health(application: "Application") -> dict[str, Any]:
    """The enabled plugins. Raises Degraded with those that have failed: what others brought is served on."""
    detail: dict[str, Any] = {"plugins": dict.fromkeys(application.plugins, "ok")}
    if application.faults:
        detail["plugins"] |= {fault.plugin: "failed" for fault in application.faults}
        detail["failed"] = {fault.plugin: fault.told for fault in application.faults}
        raise Degraded(detail)
    return detail
