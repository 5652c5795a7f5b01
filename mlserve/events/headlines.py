"""Events in words: what a feed, a page and a terminal say of them."""

from typing import Any

from mlserve.events.kinds import ALIAS_MOVED, CALL_REFUSED
from mlserve.events.service import Event


def headline(event: Event) -> str:
    """What happened, in a line: `champion moved from version 2 to version 3`, `key revoked: batch`."""
    words = event.kind.replace("_", " ")
    if event.kind == ALIAS_MOVED:
        return _moved(event)
    if event.alias is not None:
        return f"{event.alias} {words.removeprefix('alias ')}"
    if event.version is not None:
        return words.replace("version", f"version {event.version}", 1)
    told = _object(event.after) or _object(event.before)
    if "name" in told:
        return f"{words}: {told['name']}"
    if event.kind == CALL_REFUSED:
        return f"{told['refused']} calls refused" if "refused" in told else _refused(words, told)
    return words


def _moved(event: Event) -> str:
    was, back = _object(event.before).get("version"), _object(event.after).get("back", False)
    came = "" if was is None else f" from version {was}"
    return f"{event.alias} moved{' back' if back else ''}{came} to version {event.version}"


def _refused(words: str, told: dict[str, Any]) -> str:
    where = " ".join(str(told[name]) for name in ("method", "route") if told.get(name))
    return f"{words}: {where}" if where else words


def _object(state: Any) -> dict[str, Any]:
    return state if isinstance(state, dict) else {}
