"""What the resources of keys and users read out of a request: the members of a body, each of its kind."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import colander

from mlserve.api.context import ApiContext
from mlserve.api.members import HIDDEN, Check, text
from mlserve.api.negotiation import JSON
from mlserve.api.times import Moment
from mlserve.auth.guard import own_policy
from mlserve.auth.identity import NAME, Identity
from mlserve.auth.passwords import fault_of
from mlserve.auth.policy import Policy
from mlserve.auth.roles import ROLES
from mlserve.errors import AuthOff, DatabaseUnavailable, Forbidden, Problem
from mlserve.names import MODEL_NAME
from mlserve.signature.faults import got

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_TIME_NODE = colander.SchemaNode(Moment())


class CallersContext(ApiContext):
    """The context of keys and users. Raises AuthOff where nobody is asked for one.

    A key that anybody could make while no key is needed would go on to work when one is.
    """

    def __init__(self, request: Any, offers: tuple[str, ...] = (JSON,)) -> None:
        super().__init__(request, offers)
        policy = own_policy(request.registry)
        if policy is None:
            raise AuthOff(
                "This server asks nobody for a key of mlserve: mlserve.auth.enabled is not true, or the application "
                "around it decides who may."
            )
        self.policy: Policy = policy
        identity = policy.identity(request)
        assert identity is not None  # The guard has let it in.
        self.identity: Identity = identity

    def require(self, models: list[str] | None) -> None:
        """Raises Forbidden for rights that go beyond the caller's own."""
        if not self.identity.covers(models):
            own = ", ".join(sorted(self.identity.models or ()))
            raise Forbidden(f"This {self.identity.kind} is for {own} only, and so is what it makes: name the models.")

    def renew(self) -> None:
        """Let this process know at once; the others look by themselves, and so does this one where it cannot now."""
        with suppress(DatabaseUnavailable):
            self.policy.access.directory.refresh()


def time_of(text: str | None) -> datetime | None:
    """The time that an `expires_at` says; None for null, and for what is no time."""
    if text is None or not _TIME.fullmatch(text):
        return None
    try:
        moment: datetime = _TIME_NODE.deserialize(text.upper())
    except colander.Invalid:
        return None
    return moment


def _name(field: str, value: Any) -> Iterator[Problem]:
    expected = "1 to 100 letters, digits and . _ @ -, a letter or digit first"
    if not isinstance(value, str):
        yield Problem("type", expected, got(value), f"/{field}", field=field)
    elif not NAME.fullmatch(value):
        yield Problem("invalid", expected, got(value), f"/{field}", field=field)


def _roles(field: str, value: Any) -> Iterator[Problem]:
    yield from _list(field, value, ROLES.__contains__, f"one of {', '.join(ROLES)}")


def _models(field: str, value: Any) -> Iterator[Problem]:
    if value is not None:
        yield from _list(field, value, MODEL_NAME.fullmatch, "the name of a model")


def _list(field: str, value: Any, fits: Callable[[str], Any], expected: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem("type", "an array", got(value), f"/{field}", field=field)
    elif not value:
        yield Problem("empty", f"at least {expected}", got(value), f"/{field}", field=field)
    else:
        for place, item in enumerate(value):
            if not isinstance(item, str) or not fits(item):
                yield Problem("category", expected, got(item), f"/{field}/{place}", field=field)
                return  # One says what is wrong with them all.


def _expires_at(field: str, value: Any) -> Iterator[Problem]:
    expected = "an RFC 3339 time that is yet to come, or null"
    if value is not None and not isinstance(value, str):
        yield Problem("type", expected, got(value), f"/{field}", field=field)
    elif value is not None and (moment := time_of(value)) is None:
        yield Problem("invalid", expected, got(value), f"/{field}", field=field)
    elif value is not None and moment is not None and moment <= datetime.now(UTC):
        yield Problem("range", expected, got(value), f"/{field}", field=field)


def _password(field: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield Problem("type", "a text", HIDDEN, f"/{field}", field=field)
    elif (fault := fault_of(value)) is not None:
        yield Problem("length", f"a password that fits: this one {fault}", HIDDEN, f"/{field}", field=field)


# The members that bodies may have, each with its check.
NEW_KEY: Final[Mapping[str, Check]] = {
    "name": _name,
    "roles": _roles,
    "models": _models,
    "expires_at": _expires_at,
    "reason": text,
}
USER: Final[Mapping[str, Check]] = {"password": _password, "roles": _roles, "models": _models, "reason": text}
NEW_USER: Final[Mapping[str, Check]] = {"name": _name, **USER}
