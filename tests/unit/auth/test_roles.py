"""What each role may do, as a table."""

import pytest

from mlserve.auth.roles import NEEDS, ROLES, granted, needs_of_verb

GRANTS = {
    # of        any    predict observe operate admin
    "predict": (True, True, False, False, False),
    "observe": (True, False, True, False, False),
    "operate": (True, True, True, True, False),
    "admin": (True, True, True, True, True),
    "unknown": (False, False, False, False, False),
}
COLUMNS = ("any", "predict", "observe", "operate", "admin")


def test_the_table_is_of_every_role_and_need() -> None:
    assert {*GRANTS} == {*ROLES, "unknown"}
    # What needs nothing is asked of nobody.
    assert {*COLUMNS} == {*NEEDS} - {"none"}


@pytest.mark.parametrize("role", GRANTS)
def test_what_a_role_may(role: str) -> None:
    found = granted([role])
    assert tuple(need in found for need in COLUMNS) == GRANTS[role]
    assert found <= {*COLUMNS}


def test_roles_add_up_and_none_may_nothing() -> None:
    assert granted(["predict", "observe"]) == {"any", "predict", "observe"}
    assert granted([]) == frozenset()


@pytest.mark.parametrize(
    ("verb", "needs"),
    [("GET", "observe"), ("get", "observe"), ("HEAD", "observe"), ("OPTIONS", "any")]
    + [(verb, "operate") for verb in ("POST", "PUT", "PATCH", "DELETE", "BREW")],
)
def test_what_a_verb_needs_where_nothing_else_is_said(verb: str, needs: str) -> None:
    assert needs_of_verb(verb) == needs
