"""The Client: all verbs, on one connection."""

from pathlib import Path
from types import TracebackType
from typing import Self

from mlserve_client.connection import Connection
from mlserve_client.predicting import PredictionVerbs
from mlserve_client.registering import RegistryVerbs


class Client(PredictionVerbs, RegistryVerbs):
    """A client of one server. Threads may share it; a process that forks makes one on each side.

    `url`: where the server is, with its prefix. `key`: `mls_…`, where the server asks for one. `timeout`: seconds for
    connecting, and for each wait for an answer. `retries`: how often a request is sent again at most. `connections`:
    how many are kept open; as many as there are threads. `ca_file`: certificates of an authority of one's own.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 3,
        connections: int = 1,
        ca_file: str | Path | None = None,
    ) -> None:
        self._connection = Connection(
            url, key, timeout=timeout, retries=retries, connections=connections, ca_file=ca_file
        )

    def __repr__(self) -> str:
        return f"Client({self._connection.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call would open another."""
        self._connection.close()
