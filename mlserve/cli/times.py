"""Times and durations as people write them to a verb, and as tables show them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from mlserve.settings import Setting
from mlserve.settings.values import in_words, parse


def moment(text: str) -> datetime:
    """Every time that mlserve itself prints, and a date alone; UTC where no offset is written."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # An offset may lead out of the years 1 to 9999.
        raise click.BadParameter(f"{text!r} is not a time such as 2026-11-22T18:30:00Z or 2026-11-22.") from None


class Duration(click.ParamType[float]):
    """Seconds, written as a setting of the type duration is; at least `minimum` where there is one."""

    def __init__(self, name: str, example: str, minimum: float | None = None) -> None:
        self.name = name
        self._written = Setting("mlserve.duration", "duration", "", "", minimum=minimum, example=example)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            # An empty one is none of a setting either, but no duration.
            seconds: float = parse(self._written, value.strip() or "nothing", Path())
        except ValueError as error:
            self.fail(f"{value!r}: write {error}.", param, ctx)
        return seconds

    def text(self, seconds: float) -> str:
        """As one would write it."""
        return in_words(self._written, seconds)


DURATION: Final = Duration("duration", "5ms")
AGE: Final = Duration("age", "90d", minimum=1)


def time_cell(moment: datetime | str) -> str:
    """A time, or the text of one as the HTTP API tells it, to the second."""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{found:%Y-%m-%d %H:%M:%SZ}"


def last_time(moment: datetime | None) -> str:
    """When something came last, to the minute."""
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%MZ}"
