"""What happened, who did it, when and why; and the outbox of those who are told of it."""

from mlserve.events.author import NOBODY, Author, author_of
from mlserve.events.kinds import KINDS, Kind
from mlserve.events.service import Event, Visible, find, page, record

__all__ = ["KINDS", "NOBODY", "Author", "Event", "Kind", "Visible", "author_of", "find", "page", "record"]
