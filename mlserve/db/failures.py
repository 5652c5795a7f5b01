"""Tells apart what is wrong with the database (try again later) from what is wrong with a row (it never will fit)."""

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

# SQLSTATE classes: data exception, integrity violation, a limit that this row exceeds (an index entry too long).
_ROW_CLASSES = ("22", "23", "54")
# PostgreSQL that has become a standby, or was told to take nothing.
_READ_ONLY = "25006"
# An undefined table or column means that the migrations have not run yet; insufficient privilege is the operator's.
_SCHEMA_STATES = ("42P01", "42703", "42501")


def is_data_error(error: BaseException) -> bool:
    """Whether the row itself was refused, so that trying again cannot help."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return False
        return isinstance(error, DataError | IntegrityError) or _sqlstate(error)[:2] in _ROW_CLASSES
    # Drivers raise these plain errors for values that they cannot convert: an integer of 65 bits, broken UTF-8.
    return isinstance(error, StatementError | OverflowError | ValueError)


def as_unavailable(error: BaseException) -> DatabaseUnavailable | None:
    """The error to raise when the database could not be used; None for an error that is about the data or a bug."""
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable("All database connections are in use.", retry_after=1)
    if not isinstance(error, DBAPIError) or is_data_error(error):
        return None
    # SQLite's driver raises the bare DatabaseError for a file that is damaged or is no database.
    broken = isinstance(error, OperationalError | InterfaceError) or type(error) is DatabaseError
    if broken or _sqlstate(error) == _READ_ONLY:
        return DatabaseUnavailable(f"The database cannot be used: {_first_line(error)}.", retry_after=1)
    if error.connection_invalidated:
        return DatabaseUnavailable(f"The connection to the database broke: {_first_line(error)}.", retry_after=1)
    if _sqlstate(error) in _SCHEMA_STATES:
        return DatabaseUnavailable(
            f"The database's tables are not those of this version (run `mlserve db upgrade`): {_first_line(error)}."
        )
    return None


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().split("\n", 1)[0].rstrip(".")
