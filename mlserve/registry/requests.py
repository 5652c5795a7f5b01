"""What the registry's resources read out of a request: its author, the state that was seen, a number, a body."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mlserve.api.context import ApiContext
from mlserve.api.members import Check, boolean, text
from mlserve.api.negotiation import JSON
from mlserve.errors import ModelUnknown, PreconditionRequired, Problem, Unreadable, VersionUnknown
from mlserve.names import LARGEST_NUMBER, MODEL_NAME, counted
from mlserve.registry.aliases import Seen
from mlserve.signature.faults import got

# The name of a tag, in characters.
LONGEST_TAG: Final = 100

_ETAG = re.compile(r'"([^"]*)"')


class NamedContext(ApiContext):
    """The context of what a model has in the registry, whether or not it is live. Raises ModelUnknown for no name."""

    def __init__(self, request: Any, offers: tuple[str, ...] = (JSON,)) -> None:
        super().__init__(request, offers)
        self.name: str = request.matchdict["model"]
        if not MODEL_NAME.fullmatch(self.name):
            raise ModelUnknown(f"There is no model {self.name!r} here: it is no name of a model.")


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
    return Seen(counted(found[1]) or -1)


def number_in_path(request: Any, model: str) -> int:
    """The version number of the path. Raises VersionUnknown for what is none."""
    given: str = request.matchdict["number"]
    number = counted(given)
    if number is None:
        raise VersionUnknown(f"Model {model} has no version {given!r}.")
    return number


def _version(field: str, value: Any) -> Iterator[Problem]:
    expected = "a whole number from 1"
    if type(value) is not int:
        yield Problem("type", expected, got(value), f"/{field}", field=field)
    elif not 1 <= value <= LARGEST_NUMBER:
        yield Problem("range", expected, got(value), f"/{field}", field=field)


def _tags(field: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem("type", "an object", got(value), f"/{field}", field=field)
        return
    for tag, content in value.items():
        if not tag or len(tag) > LONGEST_TAG or "\0" in tag:
            expected = f"a name of 1 to {LONGEST_TAG} characters"
            yield Problem("length", expected, got(tag), f"/{field}", field=field)
        elif content is not None:
            yield from text(field, content, tag)


# The members that bodies may have, each with its check.
MOVE: Final[Mapping[str, Check]] = {"version": _version, "reason": text, "force": boolean, "back": boolean}
DESCRIPTION: Final[Mapping[str, Check]] = {"description": text, "tags": _tags, "reason": text}
RETIREMENT: Final[Mapping[str, Check]] = {"reason": text}
