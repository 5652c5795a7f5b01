"""What the registry's resources read out of a request: its author, the state that was seen, the members of a body."""

import re
from collections.abc import Mapping
from typing import Any

from mlserve.api.context import ApiContext
from mlserve.api.negotiation import JSON
from mlserve.errors import Invalid, ModelUnknown, PreconditionRequired, Problem, Unreadable
from mlserve.names import MODEL_NAME
from mlserve.registry.aliases import Seen
from mlserve.registry.past import LARGEST_NUMBER
from mlserve.registry.service import Author
from mlserve.signature.faults import got

LONGEST_TEXT = 2000

_ETAG = re.compile(r'"([^"]*)"')
_DIGITS = re.compile(r"[1-9][0-9]{0,9}")
_KINDS = {"version": "a whole number from 1", "force": "true or false", "back": "true or false", "tags": "an object"}


class NamedContext(ApiContext):
    """The context of what a model has in the registry, whether or not it is live. Raises ModelUnknown for no name."""

    def __init__(self, request: Any, offers: tuple[str, ...] = (JSON,)) -> None:
        super().__init__(request, offers)
        self.name: str = request.matchdict["model"]
        if not MODEL_NAME.fullmatch(self.name):
            raise ModelUnknown(f"There is no model {self.name!r} here: it is no name of a model.")


def author_of(request: Any, reason: str = "") -> Author:
    return Author(request.caller, reason, request.request_id)


def seen_by(environ: Mapping[str, Any]) -> Seen:
    """Which state of an alias the caller wants to change, by `If-Match` or `If-None-Match: *`.

    Raises PreconditionRequired where they say nothing, Unreadable for more than one state.
    """
    match, none = environ.get("HTTP_IF_MATCH"), environ.get("HTTP_IF_NONE_MATCH")
    if match is None and none is None:
        raise PreconditionRequired(
            "Say which state of the alias you have seen: If-Match with its ETag, or If-None-Match: * for a new alias."
        )
    if match is not None and none is not None:
        raise Unreadable("If-Match and If-None-Match contradict each other.")
    if none is not None:
        if none.strip() != "*":
            raise Unreadable("If-None-Match is for a new alias, and must be *.")
        return Seen(None)
    found = _ETAG.fullmatch(str(match).strip())
    if found is None:
        raise Unreadable('If-Match must be the one ETag that the alias was seen with, such as "3".')
    # Whatever is no revision of ours was never seen here.
    return Seen(int(found[1]) if _DIGITS.fullmatch(found[1]) else -1)


def members_of(body: Mapping[str, Any], known: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """The members of a body, each of its type. Raises Invalid with a problem for each that is not right."""
    problems = [
        Problem("unknown_field", f"one of {', '.join(known)}", got(body[name]), f"/{name}", field=name)
        for name in body
        if name not in known
    ]
    problems += [
        Problem("required", _KINDS.get(name, "a text"), "nothing", f"/{name}", field=name)
        for name in required
        if name not in body
    ]
    for name in known:
        if name in body:
            problems += _problems_of(name, body[name])
    if problems:
        raise Invalid("The body is not right.", problems=problems)
    return dict(body)


def _problems_of(name: str, value: Any) -> list[Problem]:
    place: dict[str, Any] = {"pointer": f"/{name}", "field": name}
    if name == "version":
        if type(value) is not int:
            return [Problem("type", _KINDS[name], got(value), **place)]
        return [] if 1 <= value <= LARGEST_NUMBER else [Problem("range", _KINDS[name], got(value), **place)]
    if name in ("force", "back"):
        return [] if isinstance(value, bool) else [Problem("type", _KINDS[name], got(value), **place)]
    if name == "tags":
        return _problems_of_tags(value)
    return _problems_of_text(value, f"/{name}", name)


def _problems_of_tags(tags: Any) -> list[Problem]:
    if not isinstance(tags, dict):
        return [Problem("type", _KINDS["tags"], got(tags), "/tags", field="tags")]
    problems = []
    for tag, text in tags.items():
        if not tag or len(tag) > 100 or "\0" in tag:
            problems.append(Problem("length", "a name of 1 to 100 characters", got(tag), "/tags", field="tags"))
        elif text is not None:
            pointer = "/tags/" + tag.replace("~", "~0").replace("/", "~1")
            problems += _problems_of_text(text, pointer, "tags")
    return problems


def _problems_of_text(value: Any, pointer: str, field: str) -> list[Problem]:
    if not isinstance(value, str):
        return [Problem("type", "a text", got(value), pointer, field=field)]
    if "\0" in value:
        return [Problem("nul", "a text without the character NUL", got(value), pointer, field=field)]
    if len(value) > LONGEST_TEXT:
        return [Problem("length", f"at most {LONGEST_TEXT:,} characters", got(value), pointer, field=field)]
    return []
