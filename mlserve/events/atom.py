"""A page of events as an Atom feed (RFC 4287), with links between its pages (RFC 5005)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

from mlserve.api.times import time_text
from mlserve.events.headlines import headline
from mlserve.events.service import Event
from mlserve.xml_text import writable

ATOM: Final = "application/atom+xml"

_NAMESPACE = "http://www.w3.org/2005/Atom"
# A feed says when it changed last; one without entries has not.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Feed:
    """One page of a feed. Addresses are absolute; `following` is the page of older entries, None on the last one."""

    title: str
    identity: str  # the same for all pages of a feed
    address: str
    first: str
    following: str | None
    events: Sequence[Event]


def atom(feed: Feed) -> bytes:
    """The document, in UTF-8. The same page has the same bytes."""
    root = Element("feed", xmlns=_NAMESPACE)
    _text(root, "id", feed.identity)
    _text(root, "title", feed.title)
    _text(root, "updated", time_text(max((event.at for event in feed.events), default=_NEVER)))
    _text(SubElement(root, "author"), "name", "mlserve")  # of entries that have none
    for relation, address in (("self", feed.address), ("first", feed.first), ("next", feed.following)):
        if address is not None:
            SubElement(root, "link", rel=relation, href=address, type=ATOM)
    for event in feed.events:
        _entry(root, event)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _entry(root: Element, event: Event) -> None:
    entry = SubElement(root, "entry")
    about = "" if event.model is None else f"{event.model}: "
    _text(entry, "id", f"urn:uuid:{event.id}")
    _text(entry, "title", about + headline(event))
    _text(entry, "updated", time_text(event.at))
    _text(entry, "published", time_text(event.at))
    if event.actor:
        _text(SubElement(entry, "author"), "name", event.actor)
    SubElement(entry, "category", term=event.kind)
    _text(entry, "content", "\n".join(_lines(event))).set("type", "text")


def _lines(event: Event) -> list[str]:
    told = {
        "kind": event.kind,
        "who": event.actor,
        "why": event.reason,
        "before": _json(event.before),
        "after": _json(event.after),
        "request": event.request_id,
    }
    return [f"{name}: {text}" for name, text in told.items() if text]


def _json(state: object) -> str:
    return "" if state is None else msgspec.json.encode(state).decode()


def _text(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    element.text = writable(text)
    return element
