"""Which classes the INI lets models name. A class that is not allowed is refused before anything is imported."""

import re
from collections.abc import Iterable
from typing import Final

from mlserve.errors import BundleError, ConfigurationError

_MODULE: Final = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
CLASS: Final = re.compile(rf"(?P<module>{_MODULE}):(?P<name>{_MODULE})", re.ASCII)
_PATTERN: Final = re.compile(rf"{_MODULE}(:{_MODULE}|:\*|\.\*)", re.ASCII)


class Allowed:
    """The patterns of `mlserve.python.allow`. Raises ConfigurationError for what is none."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(patterns)
        for pattern in self._patterns:
            if not _PATTERN.fullmatch(pattern):
                raise ConfigurationError(
                    f"mlserve.python.allow has {pattern!r}, which names no classes: write package.module:Class for "
                    "one, package.module:* for those of a module, or package.* for those of a package."
                )

    def require(self, named: str, file: str) -> None:
        """Raise BundleError, with what to write, unless the class that a file names is allowed."""
        if not self.allows(named):
            raise BundleError(_refusal(file, named, named))

    def require_home(self, named: str, home: str, file: str) -> None:
        """Raise BundleError where a pattern for many lets through a class that its module has from somewhere else.

        `home` is where the class says it was made.
        """
        if named not in self._patterns and not self.allows(home):
            raise BundleError(_refusal(file, f"{named}, really {home}", home))

    def allows(self, named: str) -> bool:
        """Whether a pattern fits `package.module:Class`."""
        module, _, _ = named.partition(":")
        return any(_fits(pattern, named, module) for pattern in self._patterns)


def _refusal(file: str, told: str, named: str) -> str:
    return (
        f"{file} names the class {told}, which is not allowed here: write mlserve.python.allow = {named} if its code "
        "may run."
    )


def _fits(pattern: str, named: str, module: str) -> bool:
    if pattern.endswith(":*"):
        return module == pattern[:-2]
    if pattern.endswith(".*"):
        return f"{module}.".startswith(pattern[:-1])
    return named == pattern
