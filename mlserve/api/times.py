"""Times, as a request gives them and an answer tells them."""

from datetime import UTC, datetime
from typing import Any

import colander


class Moment(colander.DateTime):
    """A time in UTC, where no offset is written too."""

    def deserialize(self, node: colander.SchemaNode, cstruct: Any) -> Any:
        moment = super().deserialize(node, cstruct)
        try:
            return moment if moment is colander.null else moment.astimezone(UTC)
        except OverflowError:  # An offset led out of the years 1 to 9999.
            raise colander.Invalid(node, "a time between the years 1 and 9999") from None


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in Z."""
    return moment.isoformat().replace("+00:00", "Z")
