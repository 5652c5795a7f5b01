"""Times as people write them to a verb, and as tables show them."""

from datetime import UTC, datetime

import click


def moment(text: str) -> datetime:
    """Every time that mlserve itself prints, and a date alone; UTC where no offset is written."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # An offset may lead out of the years 1 to 9999.
        raise click.BadParameter(f"{text!r} is not a time such as 2026-11-22T18:30:00Z or 2026-11-22.") from None


def time_cell(told: str) -> str:
    """A time of the HTTP API, to the second."""
    return f"{datetime.fromisoformat(told):%Y-%m-%d %H:%M:%SZ}"
