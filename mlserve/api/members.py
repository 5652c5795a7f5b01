"""The members of a JSON body: each known, each of its kind, none missing; all that is wrong is told at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from mlserve.errors import Invalid, Problem
from mlserve.signature.faults import got, pointer

# What is wrong with the member of that name and that value.
Check = Callable[[str, Any], Iterable[Problem]]

# Of a reason, a description, or a tag, in characters.
LONGEST_TEXT: Final = 2000
# Instead of a value that may be a password.
HIDDEN: Final = "not shown"


def members(
    body: Mapping[str, Any], checks: Mapping[str, Check], required: Iterable[str] = (), *, hidden: bool = False
) -> dict[str, Any]:
    """The body, once nothing is wrong with it. `checks` are those of the members that may be there.

    `hidden`: a password may stand where none belongs, so that no problem shows the value of an unknown member. Raises
    Invalid with each problem.
    """
    problems = [
        Problem("unknown_field", f"one of {', '.join(checks)}", _shown(value, hidden), pointer([name]), field=name)
        for name, value in body.items()
        if name not in checks
    ]
    problems += [
        Problem("required", f"the {name}", "nothing", pointer([name]), field=name)
        for name in required
        if name not in body
    ]
    for name, check in checks.items():
        if name in body:
            problems += check(name, body[name])
    if problems:
        raise Invalid("The body is not right.", problems=problems)
    return dict(body)


def text(field: str, value: Any, *steps: str) -> Iterator[Problem]:
    """What is no text that can be kept; `steps` lead from the member to it, where it is a part of one."""
    place = pointer([field, *steps])
    if not isinstance(value, str):
        yield Problem("type", "a text", got(value), place, field=field)
    elif "\0" in value:
        yield Problem("nul", "a text without the character NUL", got(value), place, field=field)
    elif len(value) > LONGEST_TEXT:
        yield Problem("length", f"at most {LONGEST_TEXT:,} characters", got(value), place, field=field)


def boolean(field: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield Problem("type", "true or false", got(value), pointer([field]), field=field)


def _shown(value: Any, hidden: bool) -> str:
    return HIDDEN if hidden else got(value)
