"""The part of the URL space that mlserve answers for, with its own error shapes and headers."""

API = "/api/v1/"


class OwnAddresses:
    """Filled while the application is put together; all is ours where the application is mlserve alone.

    Patterns are given without the route prefix, under which all of them lie.
    """

    def __init__(self, route_prefix: str = "", *, alone: bool = False) -> None:
        self.prefix = f"/{route_prefix}" if route_prefix else ""
        self._alone = alone
        self._single: set[str] = set()
        self._folders: tuple[str, ...] = (self.prefix + API,)

    def add(self, *patterns: str) -> None:
        """Claim addresses outside `/api/v1`: one by its path, all below a folder by a path that ends in a slash."""
        for pattern in patterns:
            if pattern != "/" and pattern.endswith("/"):
                self._folders = (*self._folders, self.prefix + pattern)
            else:
                self._single.add(self.prefix + pattern)

    def __contains__(self, path: str) -> bool:
        return self._alone or path.startswith(self._folders) or path in self._single
