"""The connection to one server: a pool, the key, and which request may be sent again, and when."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
    TimeoutError,  # noqa: A004 - of the connection and of the answer.
)

from mlserve_client.errors import NoAnswerError, UnexpectedAnswerError, error_of

# Waits before a retry, in seconds: the first, the longest of our own, and the longest that a server may ask for.
FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0
LONGEST_ASKED: Final = 60.0
# More bytes than any answer of mlserve has: whoever sends them is another, and must not fill the caller's memory.
MOST_BYTES: Final = 2**29

_IDEMPOTENT: Final = frozenset({"GET", "PUT", "DELETE"})


class _Answer(NamedTuple):
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Sends requests to the API below a URL. Threads may share it.

    A request is sent again where that can do no harm: when it never left, and else only a GET, a PUT without
    a precondition, and a POST with an Idempotency-Key. 429 and 503, after which nothing was done, are waited for as
    `Retry-After` says, unless it is a POST without a key.
    """

    def __init__(
        self, url: str, key: str | None, *, timeout: float, retries: int, connections: int, ca_file: str | Path | None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("The URL must be as http://host:port or https://host/prefix.")
        if parts.username is not None or parts.password is not None:
            raise ValueError("The URL must not hold a password; give the key as `key`.")
        if retries < 0:
            raise ValueError("`retries` must be 0 or more.")
        self.url = url.rstrip("/")
        self._base = f"{parts.path.rstrip('/')}/api/v1"
        self._retries = retries
        self._headers = {
            "Accept": "application/json",
            "User-Agent": f"mlserve-client/{version('pyramid-mlserve-client')}",
        }
        if key is not None:
            self._headers["Authorization"] = f"Bearer {_checked(key)}"
        options: dict[str, Any] = {"timeout": timeout, "maxsize": connections, "retries": False}
        if ca_file is not None:
            if parts.scheme != "https":
                raise ValueError("`ca_file` is for https.")
            options["ca_certs"] = str(ca_file)
        self._pool = urllib3.connection_from_url(f"{parts.scheme}://{parts.netloc}", **options)

    def close(self) -> None:
        self._pool.close()

    def get(self, *path: Any, **query: Any) -> Any:
        return self.call("GET", path, query=query)

    def listed(self, *path: Any, member: str, **query: Any) -> list[dict[str, Any]]:
        """The items of a list that comes as a whole."""
        return self._items(self.get(*path, **query), member)

    def pages(self, *path: Any, member: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, a page at a time, each fetched when it is needed."""
        sent: set[str] = set()
        while True:
            page = self.get(*path, **query)
            items = self._items(page, member)
            yield from items
            cursor = page.get("next")
            if not items or cursor is None:
                return
            if not isinstance(cursor, str) or cursor in sent:
                raise UnexpectedAnswerError(f"{self.url} has answered with a list that never ends: is the URL right?")
            sent.add(cursor)
            query["cursor"] = cursor

    def call(
        self,
        method: str,
        path: tuple[Any, ...],
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON value of the answer. `body` is a JSON value, or the Path of a bundle.

        Raises ProblemError for a refusal, NoAnswerError where nothing came back, UnexpectedAnswerError.
        """
        return self.exchange(method, path, body, query=query, headers=headers)[1]

    def exchange(
        self,
        method: str,
        path: tuple[Any, ...],
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """As `call`, with the status before the value."""
        target = "/".join([self._base, *map(_segment, path)]) + _query_text(query or {})
        sent = {**self._headers, **(headers or {})}
        if isinstance(body, Path):
            sent |= {"Content-Type": "application/vnd.mlserve.bundle", "Content-Length": str(body.stat().st_size)}
        elif body is not None:
            sent["Content-Type"] = "application/json"
            body = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        answer = self._answered(method, target, body, sent)
        return answer.status, _value_of(answer, f"{method} {self.url}")

    def _items(self, answer: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
        items = answer.get(member)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise UnexpectedAnswerError(f"{self.url} has answered without {member!r}: is the URL right?")
        return items

    def _answered(self, method: str, target: str, body: bytes | Path | None, headers: dict[str, str]) -> _Answer:
        """The last answer, after as many retries as are allowed and make sense."""
        conditional = "If-Match" in headers or "If-None-Match" in headers
        keyed = method == "POST" and "Idempotency-Key" in headers
        # Refused with 429 or 503, nothing was done; a broken connection leaves that open.
        waits = method in _IDEMPOTENT or keyed
        repeats = waits and not conditional
        attempt = 0
        while True:
            last = attempt >= self._retries
            try:
                answer = self._send(method, target, body, headers)
            except HTTPError as error:
                left = not isinstance(error, ConnectTimeoutError | NewConnectionError) and not _is_of_certificate(error)
                if last or isinstance(error, SSLError) or (left and not repeats):
                    raise NoAnswerError(f"{self.url} did not answer: {_why(error)}", sent=left) from error
                wait = 0.0
            else:
                asked = _retry_after(answer)
                if last or not waits or answer.status not in (429, 503) or (asked or 0.0) > LONGEST_ASKED:
                    return answer
                wait = asked or 0.0
            time.sleep(wait + _back_off(attempt))
            attempt += 1

    def _send(self, method: str, target: str, body: bytes | Path | None, headers: dict[str, str]) -> _Answer:
        with ExitStack() as opened:
            content = opened.enter_context(body.open("rb")) if isinstance(body, Path) else body
            answer = self._pool.urlopen(method, target, content, headers, redirect=False, preload_content=False)
            opened.callback(answer.release_conn)
            read = answer.read(MOST_BYTES + 1)
            if len(read) > MOST_BYTES:
                answer.close()
                raise UnexpectedAnswerError(
                    f"{self.url} has answered more than {MOST_BYTES:,} bytes: is the URL right?"
                )
            return _Answer(answer.status, answer.reason or "", answer.headers, read)


def time_text(moment: datetime | str) -> str:
    """RFC 3339 in UTC. Raises ValueError for a datetime without a zone."""
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is None:
        raise ValueError("The time must have a zone, such as datetime.now(UTC).")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _checked(key: str) -> str:
    """The key without the line's end of the file that it was read from. No message repeats it."""
    key = key.strip()
    if not key or not all("!" <= character <= "~" for character in key):
        raise ValueError("The key is empty, or has characters that no key has.")
    return key


def _is_of_certificate(error: HTTPError) -> bool:
    """Whether the server could not prove who it is, so that it was sent nothing."""
    return any(isinstance(cause, SSLCertVerificationError) for cause in error.args)


def _why(error: HTTPError) -> str:
    """A sentence without the inner life of the libraries."""
    if isinstance(error, NameResolutionError):
        return "no host of that name is known here."
    if isinstance(error, NewConnectionError):
        cause = error.__cause__
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused. Is the server running?"
        return f"{(isinstance(cause, OSError) and cause.strerror) or 'it could not be reached'}."
    if isinstance(error, TimeoutError):
        return "nothing came in time."
    causes = [cause for cause in error.args if isinstance(cause, OSError)]
    if isinstance(error, SSLError):
        told = next((cause.verify_message for cause in causes if isinstance(cause, SSLCertVerificationError)), "")
        return f"its certificate is not accepted: {told}." if told else "no TLS connection came about."
    return "the connection ended before the whole answer was there."


def _segment(name: Any) -> str:
    text = str(name)
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} is no name and no id.")
    return quote(text, safe="")


def _query_text(query: Mapping[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _back_off(attempt: int) -> float:
    """Doubles each time; half of it is chance, so that callers who failed together do not return together."""
    most = min(FIRST_WAIT * 2.0**attempt, LONGEST_WAIT)
    return most * random.uniform(0.5, 1.0)


def _retry_after(answer: _Answer) -> float | None:
    """The seconds of `Retry-After`; a date, which mlserve never sends, is passed over."""
    text = answer.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def _value_of(answer: _Answer, asked: str) -> dict[str, Any]:
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):  # RecursionError: brackets in brackets.
        value = None
    if answer.status >= 400:
        if not isinstance(value, dict) or not isinstance(value.get("code"), str):
            detail = f"{asked} was answered {answer.status} {answer.reason}".rstrip()
            value = {"code": "http_error", "detail": f"{detail}, not by mlserve: is the URL right?"}
        raise error_of(value | {"status": answer.status}, _retry_after(answer))
    if answer.status >= 300 or not isinstance(value, dict):
        raise UnexpectedAnswerError(f"{asked} was answered {answer.status} without a JSON object: is the URL right?")
    return value
