"""What a verb of the life cycle works on: the database of an INI, or a running server by its URL and a key."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import click

from mlserve.cli.lifecycle import Lifecycle
from mlserve.errors import MlserveError, SignatureBreaks
from mlserve.loopback import is_loopback
from mlserve_client import (
    Client,
    ClientError,
    NoAnswerError,
    ProblemError,
    SignatureBreaksError,
    UnauthenticatedError,
)

KEY: Final = "MLSERVE_KEY"
# What either Lifecycle raises where callers of an alias could not go on.
SIGNATURE_BREAKS: Final = (SignatureBreaks, SignatureBreaksError)
# Seconds for each wait for an answer: a server checks a large bundle before it says anything.
_PATIENCE: Final = 120.0
_INI: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_HOST_AND_PORT: Final = re.compile(r"[\w.\[\]:-]+:[0-9]{1,5}(/.*)?").fullmatch
# What reading an answer ends with that has not the form of mlserve's.
_NOT_OURS: Final = (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


def target(text: str) -> Path | str:
    """An INI, as a Path, or the URL of a server, as it is."""
    if "://" not in text:
        if _HOST_AND_PORT(text) and not Path(text).exists():
            raise click.BadParameter(f"There is no file {text!r}; for a server write http://{text}.")
        return Path(_INI.convert(text, None, None))
    parts = _parts(text)
    if parts is None or parts.query or parts.fragment:
        raise click.BadParameter(
            f"{text!r} is no URL of a server such as http://127.0.0.1:6543 or https://host/prefix."
        )
    if "@" in parts.netloc:  # Not repeated: it may be a password.
        raise click.BadParameter(f"The URL must not hold a password: give the key with --key-file FILE or in {KEY}.")
    return text


def on_lifecycle(verb: Callable[..., None]) -> Callable[..., None]:
    """Gives a verb the Lifecycle of its first argument, the options for a URL, and a sentence for what goes wrong."""

    @click.argument("where", type=target, metavar="INI|URL")
    @click.option(
        "--key-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"With a URL: the file that holds the key. Default: the variable {KEY}.",
    )
    @click.option("--insecure-http", is_flag=True, help="With a URL: send the key to another host in clear text.")
    @wraps(verb)
    def called(where: Path | str, key_file: Path | None, insecure_http: bool, **arguments: Any) -> None:
        if isinstance(where, Path):
            if key_file is not None or insecure_http:
                raise click.UsageError("--key-file and --insecure-http are for the URL of a server.")
            opened = _on_database(where)
        else:
            opened = _over_http(where, _key(key_file), insecure_http)
        with opened as lifecycle:
            verb(lifecycle, **arguments)

    return called


# Each is imported when it is asked for: a server far away needs neither SQL nor the web framework here.
@contextmanager
def _on_database(ini: Path) -> Iterator[Lifecycle]:
    from mlserve.cli.ini import built
    from mlserve.cli.on_database import OnDatabase

    with built(ini) as application:
        yield OnDatabase(application)


@contextmanager
def _over_http(url: str, key: str | None, insecure: bool) -> Iterator[Lifecycle]:
    from mlserve.cli.over_http import OverHttp

    parts = urlsplit(url)
    if key is not None and parts.scheme == "http" and not insecure and not is_loopback(parts.hostname or ""):
        raise click.UsageError(
            f"Over http the key could be read on its way to {parts.hostname}: write https://, or say --insecure-http."
        )
    try:
        client = Client(url, key, timeout=_PATIENCE)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with client:
        try:
            yield OverHttp(client)
        except UnauthenticatedError as error:
            asks = f"The server asks for a key: give it with --key-file FILE or in {KEY}."
            raise click.ClickException(asks if key is None else error.detail) from None
        except ClientError as error:
            raise click.ClickException(_sentence(error)) from None
        except MlserveError as error:
            raise click.ClickException(str(error)) from None
        except _NOT_OURS as error:
            raise click.ClickException(f"{url} has answered what no mlserve answers: is the URL right?") from error


def _parts(url: str) -> SplitResult | None:
    """None for what is no URL of http."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if right else None


def _key(file: Path | None) -> str | None:
    """Never an argument: all users of a host see the arguments of each other's programs."""
    if file is None:
        return os.environ.get(KEY) or None
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"{file} cannot be read as a file that holds a key.") from None


def _sentence(error: ClientError) -> str:
    if isinstance(error, NoAnswerError) and error.sent:
        return f"{error} Whether it has done what was asked is not known."
    if not isinstance(error, ProblemError):
        return str(error)
    if error.status >= 500:
        return f"{error.detail} ({error.status} {error.code}, request {error.request_id})"
    # The sentence of all others names what is wrong; of these it does not.
    wrong = error.errors if error.code in ("invalid", "unreadable") else []
    lines = [f"  {one.get('pointer')}: expected {one.get('expected')}, got {one.get('got')}" for one in wrong]
    return "\n".join([error.detail, *lines])
