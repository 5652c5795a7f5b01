"""Addresses as the caller sees them, from a WSGI environment."""

import pytest

from mlserve.api.addresses import mount_of, next_page, path_of

# What a server makes of the mount point "/café x": the bytes of UTF-8 as characters.
CAFE = "/café x".encode().decode("latin-1")


@pytest.mark.parametrize(
    ("mount", "path", "seen"),
    [
        ("", "/api/v1/models", "/api/v1/models"),
        ("", "/api/v1/models/", "/api/v1/models"),
        ("/", "/api", "/api"),
        ("/x/", "/a~b_c.d-e/50%", "/x/a~b_c.d-e/50%25"),
        (CAFE, "/a b", "/caf%C3%A9%20x/a%20b"),
    ],
)
def test_the_path_of_a_request_is_encoded_with_its_mount_point(mount: str, path: str, seen: str) -> None:
    assert path_of({"SCRIPT_NAME": mount, "PATH_INFO": path}) == seen


def test_the_mount_point_is_empty_at_the_root() -> None:
    assert [mount_of({}), mount_of({"SCRIPT_NAME": "/"}), mount_of({"SCRIPT_NAME": CAFE})] == [
        "",
        "",
        "/caf%C3%A9%20x",
    ]


def test_the_next_page_is_asked_for_in_the_same_words() -> None:
    environ = {"SCRIPT_NAME": CAFE, "PATH_INFO": "/p", "QUERY_STRING": "limit=2&cursor=old&caller=x%20%26y"}
    assert next_page(environ, "new") == '</caf%C3%A9%20x/p?limit=2&caller=x+%26y&cursor=new>; rel="next"'
