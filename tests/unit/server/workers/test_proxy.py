from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mlserve.server.workers.proxy import behind_proxy
from mlserve.server.workers.section import Section, read_section

TOLD = {
    "HTTP_X_FORWARDED_FOR": "203.0.113.5, 198.51.100.9",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "evil.example",
    "HTTP_FORWARDED": "for=192.0.2.1",
}
TRUSTED = {"trusted_proxy": "10.0.0.1", "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto"}


def asked(section: Section, peer: str, **told: str) -> dict[str, Any]:
    """The environ that the application gets, and `status` where it is answered before."""
    found: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found.update(environ)
        return []

    environ = {"REMOTE_ADDR": peer, "HTTP_HOST": "h", "wsgi.url_scheme": "http", "SERVER_PORT": "0", **(told or TOLD)}
    list(behind_proxy(app, section)(environ, lambda status, headers: found.update(status=status)))
    return found


def proxied(found: dict[str, Any]) -> set[str]:
    return {key for key in found if "FORWARDED" in key}


@pytest.mark.parametrize(("settings", "peer"), [({}, "10.0.0.1"), (TRUSTED, "10.0.0.2")])
def test_who_is_not_trusted_is_not_believed(settings: dict[str, str], peer: str) -> None:
    found = asked(read_section("server:workers", settings), peer)
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]) == (peer, "http", "h")
    assert not proxied(found)


@pytest.mark.parametrize(
    ("changed", "peer"),
    [({}, "10.0.0.1"), ({"trusted_proxy": "*"}, "10.0.0.9"), ({"unix_socket": "/run/s"}, "")],
)
def test_what_the_proxy_says_is_believed_and_no_more(changed: dict[str, str], peer: str) -> None:
    """Over a socket of this machine granian gives no address."""
    found = asked(read_section("server:workers", {**TRUSTED, **changed}), peer)
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"]) == ("198.51.100.9", "https")
    assert found["HTTP_HOST"] == "h", "a header that is not named"
    assert proxied(found) == {"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"}


def test_of_several_proxies_the_client_is_before_the_first() -> None:
    section = read_section("server:workers", {**TRUSTED, "trusted_proxy_count": "2"})
    assert asked(section, "10.0.0.1")["REMOTE_ADDR"] == "203.0.113.5"


def test_what_cannot_be_read_is_refused() -> None:
    found = asked(read_section("server:workers", TRUSTED), "10.0.0.1", HTTP_X_FORWARDED_PROTO="gopher")
    assert found == {"status": "400 Bad Request"}
