"""Which addresses mlserve answers for, alone and inside another application."""

import pytest

from mlserve.api.own_addresses import OwnAddresses


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
