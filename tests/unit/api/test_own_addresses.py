"""Which addresses mlserve answers for, alone and inside another application."""

from typing import Any

import pytest

from mlserve.api.own_addresses import Claim, OwnAddresses, sample


@pytest.mark.parametrize(
    ("prefix", "alone", "path", "owned"),
    [
        ("", True, "/anything", True),
        ("", False, "/api/v1/models", True),
        ("", False, "/health/live", True),
        ("", False, "/api/v1", False),
        ("", False, "/api/v2/theirs", False),
        ("", False, "/api/theirs", False),
        ("", False, "/health/", False),
        ("", False, "/health/live/theirs", False),
        ("", False, "/pages/one", True),
        ("", False, "/pages", False),
        ("", False, "/", False),
        ("ml", False, "/ml/api/v1/models", True),
        ("ml", False, "/ml/health/ready", True),
        ("ml", False, "/api/v1/models", False),
        ("ml", False, "/mlx/api/v1/models", False),
    ],
)
def test_mlserve_answers_for_its_own_part_of_the_addresses(prefix: str, alone: bool, path: str, owned: bool) -> None:
    made = OwnAddresses(prefix, alone=alone)
    made.add("/health/live", "/health/ready", "/pages/")
    assert (path in made) is owned


def test_the_first_page_is_one_address_and_no_folder() -> None:
    made = OwnAddresses("ml")
    made.add("/")
    assert "/ml/" in made
    assert "/ml/theirs" not in made


def claim(path: str, *, exact: bool = False) -> Claim:
    def tell(request: Any, failure: Any) -> Any:
        raise AssertionError

    return Claim("p", "plugin", path, exact, tell)


@pytest.mark.parametrize(
    ("path", "exact", "held", "free"),
    [
        ("/v2", False, ("/v2", "/v2/", "/v2/models/a"), ("/", "/v", "/v20", "/v20/models", "/V2")),
        ("/ping", True, ("/ping",), ("/ping/", "/ping/a", "/pin")),
        ("/models/{m}/invoke", True, ("/models/a/invoke",), ("/models/invoke", "/models/a/b/invoke", "/models/a")),
    ],
)
def test_a_claim_holds_its_addresses(path: str, exact: bool, held: tuple[str, ...], free: tuple[str, ...]) -> None:
    made = OwnAddresses("ml")
    made.claim(one := claim(path, exact=exact))
    for address in held:
        assert made.claim_of(f"/ml{address}") is one
        assert f"/ml{address}" in made
        assert made.claim_of(address) is None
    for address in free:
        assert made.claim_of(f"/ml{address}") is None
        assert f"/ml{address}" not in made


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (claim("/v1"), claim("/v2"), False),
        (claim("/v1"), claim("/v1/models"), True),
        (claim("/v1/models/{m}", exact=True), claim("/v1"), True),
        (claim("/a/{m}", exact=True), claim("/a/{n}", exact=True), True),
        (claim("/a/{m}", exact=True), claim("/b/{m}", exact=True), False),
    ],
)
def test_claims_meet_where_an_address_would_be_of_both(one: Claim, other: Claim, meet: bool) -> None:
    assert one.meets(other) is other.meets(one) is meet
    made = OwnAddresses()
    made.claim(one)
    assert made.claims_like(other) == ([one] if meet else [])


@pytest.mark.parametrize(
    ("path", "exact", "taken"),
    [
        ("/pages", False, "/pages/"),
        ("/pages/{page}", True, "/pages/"),
        ("/pages/{page}/more", True, None),
        ("/pages/one/more", False, "/pages/"),
        ("/health", True, None),
        ("/health", False, "/health/live"),
        ("/api", False, "/api/v1/"),
        ("/api/v1/other", False, "/api/v1/"),
        ("/v2", False, None),
    ],
)
def test_what_is_the_core_s_is_not_claimed(path: str, exact: bool, taken: str | None) -> None:
    made = OwnAddresses("ml")
    made.add("/", "/health/live", "/pages/")
    assert made.of_core_in(claim(path, exact=exact), ["/ml/", "/ml/pages/{id}", "/elsewhere"]) == taken


def test_a_sample_is_a_path_of_its_pattern() -> None:
    assert sample("/a/{b}/c{d:[^/]+}:e") == "/a/0/c0:e"
