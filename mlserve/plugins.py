"""Finds the plugins that the INI enables, checks the contract version they were built for, and includes them."""

import importlib
import importlib.util
import re
import traceback
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distributions, entry_points, version
from types import ModuleType
from typing import Any

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError, MlserveError

API_VERSION = (1, 0)
GROUP = "mlserve.plugins"


@dataclass(frozen=True)
class Plugin:
    """An enabled plugin: its name in the INI, its module, and the distribution that brought it."""

    name: str
    module: ModuleType
    distribution: str
    version: str

    @property
    def label(self) -> str:
        """As it stands in every prediction's lineage."""
        return f"{self.distribution} {self.version}"


def installed() -> dict[str, EntryPoint]:
    """The installed plugins by name, enabled or not."""
    return {point.name: point for point in entry_points(group=GROUP)}


def find(name: str) -> Plugin:
    """Resolve a name of `mlserve.plugins`: an installed plugin's name, or the dotted name of a module."""
    point = installed().get(name)
    dotted = point.value if point else name
    try:
        module = importlib.import_module(dotted)
    except ImportError as error:
        raise ConfigurationError(_why_not(name, dotted, error)) from error
    except Exception as error:
        raise ConfigurationError(
            f"mlserve.plugins names {name!r}, whose import fails: {_told(error, dotted)}"
        ) from error
    _check(name, module)
    distribution = point.dist.name if point and point.dist else _distribution_of(module.__name__.partition(".")[0])
    return Plugin(name, module, distribution, _version_of(distribution))


def includeme(config: Configurator) -> None:
    """Include the plugins of `mlserve.plugins`, in that order."""
    application = config.registry.mlserve
    for name in application.settings["mlserve.plugins"]:
        plugin = find(name)
        for other in application.plugins.values():
            if other.module is plugin.module:
                also = "" if other.name == name else f", the second time as {name!r}"
                raise ConfigurationError(f"mlserve.plugins names {other.name!r} twice{also}: remove one.")
        application.plugins[plugin.name] = plugin
        _include(config, plugin)
    enabled = {plugin.module.__name__ for plugin in application.plugins.values()}
    application.settings.refuse_unknown({name: point.value in enabled for name, point in installed().items()})


def _include(config: Configurator, plugin: Plugin) -> None:
    application = config.registry.mlserve
    application.including = plugin
    try:
        config.include(plugin.module)
    except MlserveError:
        raise
    except Exception as error:
        raise ConfigurationError(
            f"mlserve.plugins names {plugin.name!r}, whose includeme fails: {_told(error, plugin.module.__name__)}"
        ) from error
    finally:
        application.including = None


def _told(error: Exception, module: str) -> str:
    """What was raised and the plugin's line that led to it, in the room of one sentence."""
    frames, package = list(traceback.walk_tb(error.__traceback__)), module.partition(".")[0]
    inside = [at for at in frames if at[0].f_globals.get("__name__", "").partition(".")[0] == package]
    frame, line = (inside or frames)[-1]
    reason = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {reason} ({frame.f_code.co_filename}, line {line})."


def _check(name: str, module: ModuleType) -> None:
    if not callable(getattr(module, "includeme", None)):
        raise ConfigurationError(
            f"mlserve.plugins names {name!r}, which is no plugin: the module {module.__name__} has no "
            f"includeme(config) (installed plugins: {', '.join(sorted(installed())) or 'none'})."
        )
    needs = getattr(module, "MLSERVE_API", None)
    if needs is None:
        raise ConfigurationError(
            f"mlserve.plugins names {name!r}, but {module.__name__} does not say which plugin contract it was built "
            f"for: it needs MLSERVE_API = {API_VERSION} beside its includeme."
        )
    if not _is_version(needs):
        raise ConfigurationError(
            f"mlserve.plugins names {name!r}, but {module.__name__} says MLSERVE_API = {needs!r}: it must be two whole "
            f"numbers, such as {API_VERSION}."
        )
    if needs[0] != API_VERSION[0] or needs[1] > API_VERSION[1]:
        raise ConfigurationError(
            f"mlserve.plugins names {name!r}, but {module.__name__} was built for plugin contract "
            f"{'.'.join(map(str, needs))} and this mlserve has {'.'.join(map(str, API_VERSION))}."
        )


def _is_version(needs: Any) -> bool:
    return isinstance(needs, tuple) and len(needs) == 2 and all(type(number) is int for number in needs)


def _why_not(name: str, dotted: str, error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name in (dotted, dotted.partition(".")[0]):
        known = ", ".join(sorted(installed())) or "none"
        return f"mlserve.plugins names {name!r}, which is not installed (installed plugins: {known})."
    return f"mlserve.plugins names {name!r}, which cannot be imported: {error}"


@cache  # It looks at every installed distribution, which each application would do again.
def _distribution_of(package: str) -> str:
    """The distribution that brought a top-level package, or the package's own name.

    The standard library's `packages_distributions` would say so of all packages, and takes ten times as long.
    """
    return next((found.name for found in distributions() if _brings(found, package)), package)


def _brings(distribution: Distribution, package: str) -> bool:
    declared = (distribution.read_text("top_level.txt") or "").split()
    if declared:
        return package in declared
    recorded = distribution.read_text("RECORD") or ""
    return bool(re.search(rf"^{re.escape(package)}(/.*)?\.py,", recorded, re.MULTILINE))


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unpackaged"


def refuse_in_pyramid_includes(names: list[str]) -> None:
    """Refuse plugins, and Cornice, in `pyramid.includes`, which runs before the core's directives exist."""
    for name in names:
        if name == "cornice":
            raise ConfigurationError("pyramid.includes names cornice, which mlserve sets up itself: remove it there.")
        point = installed().get(name)
        try:
            module = importlib.import_module(point.value if point else name)
        except ImportError:
            continue  # Pyramid itself says what is wrong with it.
        if hasattr(module, "MLSERVE_API"):
            raise ConfigurationError(
                f"pyramid.includes names the plugin {name!r}, which runs too early there: move it to mlserve.plugins."
            )
