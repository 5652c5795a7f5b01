"""Who asks: the key or the user behind a request."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from mlserve.auth.roles import granted

# The name of a key or a user: safe in records, tables, paths and on pages.
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


@dataclass(frozen=True)
class Identity:
    """`request.identity`. `models` None: of all models; `id` is the key's own, or the user's name.

    `caller` is what the records of predictions, actuals and events say.
    """

    name: str
    kind: Literal["key", "user"]
    roles: frozenset[str]
    models: frozenset[str] | None = None
    id: str = ""
    caller: str = field(init=False)
    _granted: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "caller", f"{self.kind}:{self.name}")
        object.__setattr__(self, "_granted", granted(self.roles))

    def may(self, needs: str) -> bool:
        return needs in self._granted

    def sees(self, model: str | None) -> bool:
        return self.models is None or model in self.models

    def covers(self, models: Collection[str] | None) -> bool:
        """Whether somebody of these models may do nothing that this one may not; None: of all models."""
        return self.models is None or (models is not None and self.models.issuperset(models))


def refusal(identity: Identity, needs: str, model: str | None, *, lists: bool) -> str | None:
    """Why the identity may not, in a sentence that says what is missing; None where it may.

    `lists`: what is of no single model shows only those that the caller may see.
    """
    if not identity.may(needs):
        return f"This {identity.kind} has {_words(identity.roles, 'role')}; this needs the role {needs}."
    if identity.models is None or (lists if model is None else model in identity.models):
        return None
    bound = f"This {identity.kind} is for {_words(identity.models, 'model')} only"
    return f"{bound}." if model is not None else f"{bound}; this address is of all models."


def _words(names: Iterable[str], noun: str) -> str:
    known = sorted(names)
    if not known:
        return f"no {noun}"
    return f"the {noun}{'s' if len(known) > 1 else ''} {', '.join(known)}"
