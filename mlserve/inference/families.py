"""The model families of an application, each with the plugin that brought it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mlserve.errors import ConfigurationError, PluginFailed, SignatureError
from mlserve.faults import Fault, Faults
from mlserve.inference.family import ModelFamily
from mlserve.signature import Signature

# What a plugin fails at while nobody knows yet what it brings.
_BEFORE_ALL_CLAIMS: Final = ("import", "includeme")


class Families:
    """Families by name; filled while the application is put together."""

    def __init__(self, faults: Faults | None = None) -> None:
        self._families: dict[str, ModelFamily] = {}
        self._plugins: dict[str, str] = {}
        self._claims: dict[str, str] = {}
        self._faults = Faults() if faults is None else faults

    def claim(self, name: str, plugin: str) -> None:
        """A plugin, by its name in the INI, has said that it brings this family."""
        self._claims[name] = plugin

    def withdraw(self, plugin: str) -> list[str]:
        """Forget the families of a plugin that has failed; their names."""
        names = [name for name, owner in self._claims.items() if owner == plugin]
        for name in names:
            self._families.pop(name, None)
            self._plugins.pop(name, None)
        return names

    def add(self, family: ModelFamily, plugin: str) -> None:
        """`plugin` is the label of the plugin that brings it, for the lineage of its predictions.

        Raises ConfigurationError where its `formats` are none.
        """
        formats: Any = family.formats
        if not isinstance(formats, tuple) or not all(isinstance(one, str) and one.startswith(".") for one in formats):
            raise ConfigurationError(
                f"{plugin} brings the family {family.name!r} with formats = {formats!r}: formats must be a tuple of "
                f'suffixes, each with its dot, such as (".{family.name}",).'
            )
        self._families[family.name] = family
        self._plugins[family.name] = plugin

    def get(self, name: str) -> ModelFamily | None:
        """The family of that name; None where no enabled plugin brings it."""
        return self._families.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._families

    def plugin_of(self, name: str) -> str:
        """The label of the plugin that brought the family."""
        return self._plugins[name]

    def missing(self, name: str) -> str:
        """Why there is no such family, as the end of a sentence."""
        faults = self._may_have_brought(name)
        if not faults:
            return "which no enabled plugin brings"
        told = " and ".join(fault.told for fault in faults)
        return f"which is not here: {told}"

    def has_failed(self, name: str) -> bool:
        """Whether a plugin that has failed brings this family, or may bring it."""
        return name not in self._families and bool(self._may_have_brought(name))

    def _may_have_brought(self, name: str) -> list[Fault]:
        """The fault of the plugin that claims the family; where none does, of all that may have come to claim it."""
        owner = self._claims.get(name)
        if owner is not None:
            fault = self._faults.get(owner)
            return [] if fault is None else [fault]
        return [fault for fault in self._faults if fault.part in _BEFORE_ALL_CLAIMS]

    def of_plugin(self, label: str) -> list[str]:
        """The names of the families that a plugin brought."""
        return [name for name, owner in self._plugins.items() if owner == label]

    def reading(self, suffix: str, key: str) -> ModelFamily:
        """The one family that reads files with this suffix.

        Raises ConfigurationError naming the INI key, and PluginFailed where one that has failed may read them.
        """
        wanted = suffix.lower()
        fitting = [family for family in self if wanted in (suffix.lower() for suffix in family.formats)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(family.name for family in fitting)
            raise ConfigurationError(f"{key} is a {suffix} file, which more than one enabled family reads: {names}.")
        known = "; ".join(f"{family.name} reads {' '.join(family.formats)}" for family in self)
        kind = f"a {suffix} file" if suffix else "a file without a suffix"
        if len(self._faults):
            told = " and ".join(fault.told for fault in self._faults)
            raise PluginFailed(f"{key} is {kind}, which no enabled plugin reads that has not failed: {told}.")
        raise ConfigurationError(
            f"{key} is {kind}, which no plugin of mlserve.plugins reads ({known or 'none is enabled'})."
        )

    def __iter__(self) -> Iterator[ModelFamily]:
        return iter(self._families.values())


def inspected(family: ModelFamily, artefact: Path) -> Signature | None:
    """What a family's `inspect` says of a file. Raises BundleError, SignatureError."""
    found: Any = family.inspect(artefact)
    if found is not None and not isinstance(found, Signature):
        raise SignatureError(
            f"inspect() of the family {family.name!r} gives a {type(found).__name__}: it must give a "
            "mlserve.signature.Signature, or None."
        )
    return found
