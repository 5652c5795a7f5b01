"""Roles and what each may do. Pure: the operations of resources name what they need, the guard compares."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

PREDICT: Final = "predict"
OBSERVE: Final = "observe"
OPERATE: Final = "operate"
ADMIN: Final = "admin"
ROLES: Final = (PREDICT, OBSERVE, OPERATE, ADMIN)

# Needed by what tells a caller how to call: whoever is known may have it.
ANY: Final = "any"
# Needed by what must work without a key: health, the login itself, stylesheets.
NONE: Final = "none"
NEEDS: Final = (*ROLES, ANY, NONE)

_GRANTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        PREDICT: frozenset({PREDICT, ANY}),
        OBSERVE: frozenset({OBSERVE, ANY}),
        OPERATE: frozenset({OPERATE, OBSERVE, PREDICT, ANY}),
        ADMIN: frozenset({ADMIN, OPERATE, OBSERVE, PREDICT, ANY}),
    }
)
_BY_VERB: Final[Mapping[str, str]] = MappingProxyType({"GET": OBSERVE, "HEAD": OBSERVE, "OPTIONS": ANY})


def granted(roles: Iterable[str]) -> frozenset[str]:
    """Everything that these roles may do; a role that is not known here may nothing."""
    return frozenset[str]().union(*(_GRANTS.get(role, frozenset()) for role in roles))


def needs_of_verb(verb: str) -> str:
    """What an HTTP verb needs where nothing else is said: reading observes, all else operates."""
    return _BY_VERB.get(verb.upper(), OPERATE)
