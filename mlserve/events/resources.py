"""Events as REST resources: as a list, and as Atom feeds of all models and of one."""

import hashlib
from typing import Any, NamedTuple

from pyramid.response import Response
from sqlalchemy import Connection

from mlserve import events
from mlserve.api.addresses import next_page, page_behind, path_of
from mlserve.api.query import read_query
from mlserve.api.resources import Resource
from mlserve.auth.guard import sees
from mlserve.auth.roles import ADMIN
from mlserve.events import Event, Visible, operations
from mlserve.events.atom import ATOM, Feed, atom
from mlserve.events.described import describe_event
from mlserve.registry import service


class EventsPage(NamedTuple):
    """Some events, newest first; `next` is the cursor of those before them, None where there are none."""

    events: list[Event]
    next: str | None


class EventsResource(Resource):
    """What happened to the models that the caller may see; for administrators of all also to keys and users."""

    operations = operations.EVENTS

    def get(self) -> dict[str, Any]:
        """The events, newest first, a page at a time."""
        return answer_page(self.request, _page_of_all(self.request))


class FeedResource(Resource):
    """What happened, as an Atom feed."""

    operations = operations.FEED

    def get(self) -> Response:
        return _answer_feed(self.request, "Events of mlserve", _page_of_all(self.request))


class ModelFeedResource(Resource):
    """What became of one model, as an Atom feed."""

    operations = operations.MODEL_FEED

    def get(self) -> Response:
        model = self.context.name
        query = read_query(self.request.environ, operations.ModelEventsQuery)
        with self.request.mlserve.database.read() as connection:
            service.require(connection, model)
            page = page_of(connection, query, model=model)
        return _answer_feed(self.request, f"Events of {model}", page)


def page_of(connection: Connection, query: dict[str, Any], **which: Any) -> EventsPage:
    """The page that a query asks for."""
    asked = {**query, **which}
    cursor, limit = asked.pop("cursor"), asked.pop("limit")
    found = events.page(connection, **asked, before_id=cursor, limit=limit + 1)
    return EventsPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


def answer_page(request: Any, page: EventsPage) -> dict[str, Any]:
    """The page in JSON values, with the header that leads on."""
    if page.next is not None:
        request.response.headers["Link"] = next_page(request.environ, page.next)
    return {"events": [describe_event(event) for event in page.events], "next": page.next}


def _page_of_all(request: Any) -> EventsPage:
    """What the query asks for of all that the caller may see. A model that they may not is as one that never was."""
    query = read_query(request.environ, operations.EventsQuery)
    with request.mlserve.database.read() as connection:
        return page_of(connection, query, visible=_visible(request, connection))


def _visible(request: Any, connection: Connection) -> Visible | None:
    """What the caller may see; None where that is everything."""
    registered = {row["name"] for row in service.models(connection)}
    names = registered | {model.name for model in request.mlserve.live}
    seen = {name for name in names if sees(request, name)}
    others, callers = sees(request, None), sees(request, None, ADMIN)
    models = None if others and seen == names else seen
    return None if models is None and callers else Visible(models, others, callers)


def _answer_feed(request: Any, title: str, page: EventsPage) -> Response:
    host, environ = request.host_url, request.environ
    feed = Feed(
        title=title,
        identity=host + path_of(environ),
        address=host + page_behind(environ, request.GET.get("cursor")),
        first=host + page_behind(environ, None),
        following=None if page.next is None else host + page_behind(environ, page.next),
        events=page.events,
    )
    content = atom(feed)
    etag = hashlib.sha256(content).hexdigest()[:32]
    if etag in request.if_none_match:
        return Response(status=304, headerlist=[("ETag", f'"{etag}"')])
    return Response(content, headerlist=[("Content-Type", f"{ATOM}; charset=utf-8"), ("ETag", f'"{etag}"')])
