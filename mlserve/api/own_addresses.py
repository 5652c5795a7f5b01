"""The part of the URL space that mlserve answers for, with its own error shapes and headers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pyramid.urldispatch import Route

from mlserve.api.failure import WriteProblem

API = "/api/v1/"


@dataclass(frozen=True)
class Claim:
    """Addresses of a protocol that is not ours: `path` and all below it, or with `exact` those of the pattern `path`.

    `plugin` is the label of the plugin that brings it.
    """

    protocol: str
    plugin: str
    path: str
    exact: bool
    write_problem: WriteProblem

    def holds(self, path: str) -> bool:
        if self.exact:
            return self._route.match(path) is not None
        return path == self.path or path.startswith(f"{self.path}/")

    @cached_property
    def _route(self) -> Route:
        """Compiled once: every request is held against it."""
        return Route("", self.path)

    def meets(self, other: "Claim") -> bool:
        """Whether some address would be of both."""
        return self.holds(sample(other.path)) or other.holds(sample(self.path))


class OwnAddresses:
    """Filled while the application is put together; all is ours where the application is mlserve alone.

    Patterns are given without the route prefix, under which all of them lie.
    """

    def __init__(self, route_prefix: str = "", *, alone: bool = False) -> None:
        self.prefix = f"/{route_prefix}" if route_prefix else ""
        self._alone = alone
        self._single: set[str] = set()
        self._folders: tuple[str, ...] = (self.prefix + API,)
        self._claims: tuple[Claim, ...] = ()

    def add(self, *patterns: str) -> None:
        """Claim addresses outside `/api/v1`: one by its path, all below a folder by a path that ends in a slash."""
        for pattern in patterns:
            if pattern != "/" and pattern.endswith("/"):
                self._folders = (*self._folders, self.prefix + pattern)
            else:
                self._single.add(self.prefix + pattern)

    def claim(self, claim: Claim) -> None:
        """Give addresses to a protocol, whose failures are told in its own shape."""
        self._claims = (*self._claims, claim)

    def claims_like(self, claim: Claim) -> list[Claim]:
        """The claims that have some address of this one too."""
        return [other for other in self._claims if other.meets(claim)]

    def of_core_in(self, claim: Claim, patterns: Iterable[str] = ()) -> str | None:
        """An address of the core's own that this claim would take; None where it takes none.

        Within a folder of the core's it may have an exact address that none of the `patterns` of routes matches.
        """
        patterns = [pattern.removeprefix(self.prefix) for pattern in patterns]
        for own in sorted(path.removeprefix(self.prefix) for path in (*self._single, *self._folders)):
            if claim.holds(own.rstrip("/") or "/"):
                return own
            if own.endswith("/") and f"{claim.path}/".startswith(own) and own != "/":
                within = [pattern for pattern in patterns if pattern.startswith(own)]
                if not claim.exact or any(Route("", pattern).match(sample(claim.path)) for pattern in within):
                    return own
        return None

    def claim_of(self, path: str) -> Claim | None:
        """The claim of a protocol that an address belongs to."""
        if not self._claims or not path.startswith(self.prefix):
            return None
        path = path.removeprefix(self.prefix)
        return next((claim for claim in self._claims if claim.holds(path)), None)

    def __contains__(self, path: str) -> bool:
        return self._alone or path.startswith(self._folders) or path in self._single or self.claim_of(path) is not None


def sample(pattern: str) -> str:
    """A path that a pattern matches, with a placeholder for each of its own."""
    return re.sub(r"{[^{}]*}", "0", pattern)
