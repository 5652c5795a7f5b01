"""The model families of an application, each with the plugin that brought it."""

from collections.abc import Iterator

from mlserve.errors import ConfigurationError
from mlserve.inference.family import ModelFamily


class Families:
    """Families by name; filled while the application is put together."""

    def __init__(self) -> None:
        self._families: dict[str, ModelFamily] = {}
        self._plugins: dict[str, str] = {}

    def add(self, family: ModelFamily, plugin: str) -> None:
        """`plugin` is the label of the plugin that brings it, for the lineage of its predictions."""
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

    def of_plugin(self, label: str) -> list[str]:
        """The names of the families that a plugin brought."""
        return [name for name, owner in self._plugins.items() if owner == label]

    def reading(self, suffix: str, key: str) -> ModelFamily:
        """The one family that reads files with this suffix. Raises ConfigurationError naming the INI key."""
        wanted = suffix.lower()
        fitting = [family for family in self if wanted in (suffix.lower() for suffix in family.formats)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            names = ", ".join(family.name for family in fitting)
            raise ConfigurationError(f"{key} is a {suffix} file, which more than one enabled family reads: {names}.")
        known = "; ".join(f"{family.name} reads {' '.join(family.formats)}" for family in self)
        kind = f"a {suffix} file" if suffix else "a file without a suffix"
        raise ConfigurationError(
            f"{key} is {kind}, which no plugin of mlserve.plugins reads ({known or 'none is enabled'})."
        )

    def __iter__(self) -> Iterator[ModelFamily]:
        return iter(self._families.values())
