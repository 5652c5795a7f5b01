"""Feeds as other programs read them: parsed as XML, whatever people have written into the events."""

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

from mlserve.events import Event
from mlserve.events.atom import Feed, atom

NAMES = {"a": "http://www.w3.org/2005/Atom"}
EVENT = Event(
    id="01a20568-71f8-7573-9af8-1f43de770791",
    at=datetime(2026, 11, 22, 18, 30, tzinfo=UTC),
    kind="alias_moved",
    model="line",
    version=2,
    alias="champion",
    actor="key:app",
    reason="better",
    before={"version": 1, "revision": 1},
    after={"version": 2, "revision": 2},
    request_id="r-1",
)
FEED = Feed(
    "Events", "http://h/events.atom", "http://h/events.atom?limit=1&kind=x", "http://h/f", "http://h/n", [EVENT]
)


def parsed(feed: Feed) -> ElementTree.Element:
    return ElementTree.fromstring(atom(feed))


def texts(root: ElementTree.Element, path: str) -> list[str | None]:
    return [element.text for element in root.findall(path, NAMES)]


def test_a_feed_has_what_rfc_4287_asks_for() -> None:
    root = parsed(FEED)
    assert root.tag == "{http://www.w3.org/2005/Atom}feed"
    for name in ("id", "title", "updated"):
        assert len(root.findall(f"a:{name}", NAMES)) == 1
        assert len(root.findall(f"a:entry/a:{name}", NAMES)) == 1
    assert texts(root, "a:updated") == texts(root, "a:entry/a:updated") == ["2026-11-22T18:30:00Z"]
    assert texts(root, "a:id") == ["http://h/events.atom"]
    assert texts(root, "a:author/a:name") == ["mlserve"]
    links = {link.get("rel"): link.get("href") for link in root.findall("a:link", NAMES)}
    assert links == {"self": FEED.address, "first": FEED.first, "next": FEED.following}
    assert texts(root, "a:entry/a:id") == [f"urn:uuid:{EVENT.id}"]
    assert texts(root, "a:entry/a:title") == ["line: champion moved from version 1 to version 2"]
    assert texts(root, "a:entry/a:author/a:name") == ["key:app"]
    (content,) = root.findall("a:entry/a:content", NAMES)
    assert content.get("type") == "text"
    assert str(content.text).split("\n") == [
        "kind: alias_moved",
        "who: key:app",
        "why: better",
        'before: {"version":1,"revision":1}',
        'after: {"version":2,"revision":2}',
        "request: r-1",
    ]


def test_what_people_wrote_stays_text() -> None:
    hostile = "</content><script>alert(1)</script> ]]> & \x00\x01\x1f\ufffe \U0001f600 \u202e"
    root = parsed(replace(FEED, events=[replace(EVENT, reason=hostile, actor=hostile, model=None)]))
    assert root.findall(".//a:script", NAMES) == []
    read = "</content><script>alert(1)</script> ]]> & \ufffd\ufffd\ufffd\ufffd \U0001f600 \u202e"
    assert texts(root, "a:entry/a:author/a:name") == [read]
    assert f"why: {read}" in str(texts(root, "a:entry/a:content")[0])


def test_an_entry_of_nobody_has_the_author_of_the_feed() -> None:
    assert texts(parsed(replace(FEED, events=[replace(EVENT, actor="")])), "a:entry/a:author") == []


def test_a_feed_without_events_is_one_too_and_the_last_page_leads_nowhere() -> None:
    root = parsed(replace(FEED, events=[], following=None))
    assert texts(root, "a:updated") == ["1970-01-01T00:00:00Z"]
    assert [link.get("rel") for link in root.findall("a:link", NAMES)] == ["self", "first"]


def test_the_same_page_has_the_same_bytes() -> None:
    assert atom(FEED) == atom(replace(FEED, events=[replace(EVENT)]))
