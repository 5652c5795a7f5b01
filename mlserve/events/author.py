"""Who changes something, why, and in which request."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlserve.types import Request


@dataclass(frozen=True)
class Author:
    """What the event of a change tells of whoever made it."""

    actor: str = ""
    reason: str = ""
    request_id: str | None = None


NOBODY = Author()


def author_of(request: "Request", reason: str = "") -> Author:
    """The caller of a request."""
    return Author(request.caller, reason, request.request_id)
