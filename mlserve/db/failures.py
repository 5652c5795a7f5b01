"""Tells apart what is wrong with the database (try again later) from what is wrong with a row (it never will fit).

What a caller is told are fixed sentences: the driver's own words may name hosts, paths and tables, and belong into the
log (`reason_of`).
"""

from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mlserve.errors import DatabaseUnavailable

UNUSABLE = "The database cannot be used."
LOCKED = "The database is locked by other writers."
ALL_IN_USE = "The database's connections are all in use."
OTHER_TABLES = "The database's tables are not those of this version: its operator runs `mlserve db upgrade`."

# SQLSTATE classes: data exception, integrity violation, a limit that this row exceeds (an index entry too long).
_ROW_CLASSES = ("22", "23", "54")
# PostgreSQL that has become a standby, or was told to take nothing.
_READ_ONLY = "25006"
_LOCK_TIMEOUT = "55P03"
# An undefined table or column means that the migrations have not run yet; insufficient privilege is the operator's.
_SCHEMA_STATES = ("42P01", "42703", "42501")
# SQLite's result codes, in the lowest byte: busy, and locked within one process.
_SQLITE_LOCKED = (5, 6)


def is_data_error(error: BaseException) -> bool:
    """Whether the row itself was refused, so that trying again cannot help."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return False
        return isinstance(error, DataError | IntegrityError) or _sqlstate(error.orig)[:2] in _ROW_CLASSES
    # Drivers raise these plain errors for values that they cannot convert: an integer of 65 bits, broken UTF-8.
    return isinstance(error, StatementError | OverflowError | ValueError)


def as_unavailable(error: BaseException) -> DatabaseUnavailable | None:
    """The error to raise when the database could not be used; None for an error that is about the data or a bug.

    Takes SQLAlchemy's errors; a driver's own OperationalError is always `unavailable`.
    """
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable(ALL_IN_USE, retry_after=1)
    if not isinstance(error, DBAPIError) or is_data_error(error):
        return None
    # SQLite's driver raises the bare DatabaseError for a file that is damaged or is no database.
    broken = isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
    state = _sqlstate(error.orig)
    if broken or error.connection_invalidated or state == _READ_ONLY or state in _SCHEMA_STATES:
        return unavailable(error.orig)
    return None


def unavailable(error: BaseException | None) -> DatabaseUnavailable:
    """What a caller is told about a driver's error."""
    state = _sqlstate(error)
    if state in _SCHEMA_STATES:
        return DatabaseUnavailable(OTHER_TABLES)
    locked = state == _LOCK_TIMEOUT or getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE_LOCKED
    return DatabaseUnavailable(LOCKED if locked else UNUSABLE, retry_after=1)


def is_broken_connection(error: DatabaseUnavailable) -> bool:
    """Whether a connection that had been made was found broken, so that a new one may do; a lock or a limit is not."""
    return isinstance(error.__cause__, DBAPIError) and error.__cause__.connection_invalidated


def reason_of(error: BaseException) -> str:
    """Why, in the words of what caused it, in one line: for the log and for an operator, never for a caller."""
    cause = error.__cause__ if isinstance(error, DatabaseUnavailable) and error.__cause__ else error
    return first_line(cause)


def first_line(error: BaseException) -> str:
    """The first line of a driver's words, without SQLAlchemy's around them."""
    return str(getattr(error, "orig", None) or error).strip().split("\n", 1)[0].rstrip(".")


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
