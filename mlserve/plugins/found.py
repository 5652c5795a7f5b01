"""Which plugins there are, which one a name means, and whether it was built for this contract."""

import importlib
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from mlserve.errors import ConfigurationError, PluginFailed
from mlserve.faults import Fault, ends_process
from mlserve.plugins.sources import distribution_of, version_of

API_VERSION = (1, 1)
GROUP = "mlserve.plugins"


class ImportFailed(PluginFailed):
    """A plugin is installed, and its import has failed: with `fault`."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"mlserve.plugins names {fault.plugin!r}, whose {fault.reason}")
        self.fault = fault


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
    """Resolve a name of `mlserve.plugins`: an installed plugin's name, or the dotted name of a module.

    Raises ConfigurationError, and ImportFailed where it is installed and its import fails.
    """
    point = installed().get(name)
    dotted = point.value if point else name
    try:
        module = importlib.import_module(dotted)
    except BaseException as error:
        if ends_process(error):
            raise
        if _is_missing(error, dotted):
            known = ", ".join(sorted(installed())) or "none"
            raise ConfigurationError(
                f"mlserve.plugins names {name!r}, which is not installed (installed plugins: {known})."
            ) from error
        raise ImportFailed(Fault(name, "import", error, dotted)) from error
    _check(name, module)
    distribution = point.dist.name if point and point.dist else distribution_of(module.__name__)
    return Plugin(name, module, distribution, version_of(distribution))


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


def _is_missing(error: BaseException, dotted: str) -> bool:
    """Whether the module itself is not there, and not one that it needs."""
    names = [".".join(dotted.split(".")[:count]) for count in range(1, dotted.count(".") + 2)]
    return isinstance(error, ModuleNotFoundError) and error.name in names


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
