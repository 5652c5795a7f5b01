"""What an application knows of its callers, while it runs."""

import os
from dataclasses import dataclass
from pathlib import Path

from mlserve import private_file
from mlserve.auth.directory import Directory
from mlserve.auth.logins import Logins
from mlserve.auth.rates import Rates
from mlserve.auth.refusals import Refusals
from mlserve.auth.sessions import Sessions
from mlserve.db.engine import Database
from mlserve.errors import ConfigurationError
from mlserve.observability.counters import Counters
from mlserve.settings import Settings

SNAPSHOT = "access.json"
_KEY_LENGTH = 32


@dataclass(frozen=True)
class Access:
    """`rates` None: no limits."""

    directory: Directory
    sessions: Sessions
    logins: Logins
    refusals: Refusals
    rates: Rates | None


def open_access(settings: Settings, database: Database, counters: Counters) -> Access:
    """Nothing runs yet. Raises ConfigurationError where the key of the sessions cannot be read or made."""
    refusals = Refusals(counters)
    var: Path = settings["mlserve.var"]
    directory = Directory(database, var / SNAPSHOT, settings["mlserve.auth.interval"], refusals)
    sessions = Sessions(
        _session_key(settings), idle=settings["mlserve.session.idle"], lifetime=settings["mlserve.session.lifetime"]
    )
    logins = Logins(database, directory, most=settings["mlserve.login.failures"], lock=settings["mlserve.login.lock"])
    rate = settings["mlserve.auth.rate"]
    rates = None if rate is None else Rates(rate, settings["mlserve.auth.burst"])
    return Access(directory, sessions, logins, refusals, rates)


def _session_key(settings: Settings) -> bytes:
    """The key that signs the sessions: the file that the INI names, else one made in the var folder."""
    named: Path | None = settings["mlserve.session.key"]
    path = named or settings["mlserve.var"] / "session.key"
    try:
        key = path.read_bytes() if named else private_file.made_once(path, os.urandom(_KEY_LENGTH).hex().encode())
    except OSError as error:
        raise ConfigurationError(
            f"mlserve.session.key is {str(path)!r}, which cannot be {'read' if named else 'made'} "
            f"({(error.strerror or 'failed').lower()}): write the path of a file of random bytes."
        ) from error
    if len(key.strip()) < _KEY_LENGTH:
        raise ConfigurationError(
            f"mlserve.session.key is {str(path)!r}, which holds fewer than {_KEY_LENGTH} bytes: write random ones "
            "into it, such as those of `openssl rand -hex 32`."
        )
    return key.strip()
