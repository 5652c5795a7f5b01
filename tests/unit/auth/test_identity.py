"""Who may what: each role alone, together, and bound to models."""

import pytest

from mlserve.auth.identity import Identity, refusal
from mlserve.auth.roles import ADMIN, ANY, NEEDS, NONE, OBSERVE, OPERATE, PREDICT, granted, needs_of_verb


def identity(*roles: str, models: set[str] | None = None) -> Identity:
    return Identity("app", "key", frozenset(roles), None if models is None else frozenset(models), "id")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (PREDICT, {PREDICT, ANY}),
        (OBSERVE, {OBSERVE, ANY}),
        (OPERATE, {OPERATE, OBSERVE, PREDICT, ANY}),
        (ADMIN, {ADMIN, OPERATE, OBSERVE, PREDICT, ANY}),
        ("other", set()),
    ],
)
def test_what_a_role_grants(role: str, may: set[str]) -> None:
    assert granted([role]) == may
    for needs in {*NEEDS} - {NONE}:
        assert (refusal(identity(role), needs, "line", lists=False) is None) == (needs in may)


def test_who_has_no_role_may_nothing() -> None:
    assert refusal(identity(), ANY, None, lists=True) == "This key has no role; this needs the role any."


def test_a_bound_caller_sees_its_models_and_lists() -> None:
    bound = identity(OBSERVE, models={"a", "b"})
    assert refusal(bound, OBSERVE, "a", lists=False) is None
    assert refusal(bound, OBSERVE, None, lists=True) is None
    assert refusal(bound, OBSERVE, None, lists=False) == (
        "This key is for the models a, b only; this address is of all models."
    )
    # That an address of another model lists something does not make it this caller's.
    assert refusal(bound, OBSERVE, "c", lists=True) == "This key is for the models a, b only."


def test_a_caller_bound_to_no_model_has_none() -> None:
    assert refusal(identity(ADMIN, models=set()), OBSERVE, "a", lists=False) == "This key is for no model only."


@pytest.mark.parametrize(
    ("verb", "needs"),
    [("GET", OBSERVE), ("head", OBSERVE), ("OPTIONS", ANY), ("POST", OPERATE), ("DELETE", OPERATE), ("X", OPERATE)],
)
def test_a_verb_alone_says_what_it_needs(verb: str, needs: str) -> None:
    assert needs_of_verb(verb) == needs
