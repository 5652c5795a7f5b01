"""This host's copy of the registry: with it a server can start and answer while the database is down."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mlserve import private_file
from mlserve.api.times import time_text
from mlserve.errors import ConfigurationError
from mlserve.registry.registered import Known, Registered

FORMAT = 1


class Content(msgspec.Struct):
    """What the file holds: version numbers by model and digest, and by model what aliases name."""

    format: int
    written_at: str | None = None
    versions: dict[str, dict[str, int]] = {}
    aliases: dict[str, dict[str, int]] = {}
    families: dict[str, str] = {}  # by digest
    retired: dict[str, list[int]] = {}  # by model
    declared: dict[str, str] = {}  # the digest that this host's INI has declared last, by model


class Snapshot:
    """`registry.json` in the var folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = _read(path)
        self._written = msgspec.json.encode(self._content)

    @property
    def written_at(self) -> str | None:
        """When the file was last written, which is when there was last something new to say."""
        return self._content.written_at

    @property
    def declared(self) -> dict[str, str]:
        """The digest that this host's INI has declared last, by model; to be changed in place."""
        return self._content.declared

    def number(self, model: str, digest: str) -> int | None:
        return self._content.versions.get(model, {}).get(digest)

    def registered(self) -> Registered:
        """What the registry said when it was last seen. An alias of a version that the file does not know is none."""
        versions = {
            model: {
                number: Known(
                    digest, self._content.families.get(digest, ""), number in self._content.retired.get(model, ())
                )
                for digest, number in numbers.items()
            }
            for model, numbers in self._content.versions.items()
        }
        aliases = {
            model: {alias: number for alias, number in named.items() if number in versions.get(model, {})}
            for model, named in self._content.aliases.items()
        }
        return Registered(versions=versions, aliases=aliases)

    def keep(self, registered: Registered) -> None:
        """Take over what the database says."""
        every = registered.versions.items()
        self._content.versions = {
            model: {known.digest: number for number, known in versions.items()} for model, versions in every
        }
        self._content.families = {known.digest: known.family for _, versions in every for known in versions.values()}
        retired = {model: [number for number, it in versions.items() if it.retired] for model, versions in every}
        self._content.retired = {model: numbers for model, numbers in retired.items() if numbers}
        self._content.aliases = {model: dict(named) for model, named in registered.aliases.items()}

    def write(self) -> None:
        """Replace the file atomically, if there is anything new to say: it was checked against the database.

        Raises ConfigurationError when it cannot be written.
        """
        if msgspec.json.encode(self._content) == self._written:
            return
        self._content.written_at = now_text()
        text = msgspec.json.encode(self._content)
        try:
            private_file.replace(self.path, msgspec.json.format(text))
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be written ({error.strerror}): let mlserve.var be a folder that mlserve may write "
                "to, with room in it."
            ) from error
        self._written = text


def now_text() -> str:
    return time_text(datetime.now(UTC).replace(microsecond=0))


def _read(path: Path) -> Content:
    """What an unreadable or foreign snapshot knows is nothing: the database is the truth, this only a help."""
    nothing = Content(FORMAT)
    try:
        content = msgspec.json.decode(path.read_bytes(), type=Content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return nothing
    return content if content.format == FORMAT else nothing
