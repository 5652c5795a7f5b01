"""Media types and the body, read from the WSGI environment."""

import io

import pytest

from mlserve.api.negotiation import JSON, media_type_sent, negotiate, read_body, require_json_sent
from mlserve.errors import NotAcceptable, TooLarge, Unreadable, UnsupportedMediaType


@pytest.mark.parametrize(
    "accept",
    [None, "*/*", "application/json", "application/*", "text/html, application/json;q=0.1", "application/problem+json"],
)
def test_a_caller_who_takes_json_is_served(accept: str | None) -> None:
    assert negotiate({} if accept is None else {"HTTP_ACCEPT": accept}) == JSON


def test_an_accept_header_that_is_none_is_passed_over() -> None:
    assert negotiate({"HTTP_ACCEPT": ";;;\xff"}) == JSON


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (None, "text/csv"),
        ("*/*", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json", JSON),
        ("text/csv;q=0.1, application/*", JSON),
        ("application/json, text/csv", "text/csv"),
        ("application/problem+json", "text/csv"),
        ("application/problem+json, application/json;q=0.5", "text/csv"),
    ],
)
def test_of_two_types_the_better_liked_is_answered_and_of_equals_the_first(accept: str | None, given: str) -> None:
    assert negotiate({} if accept is None else {"HTTP_ACCEPT": accept}, ("text/csv", JSON)) == given


@pytest.mark.parametrize("accept", ["text/html", "text/*;q=0.9", "application/json;q=0", ""])
def test_a_caller_who_does_not_take_json_is_told(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="application/json"):
        negotiate({"HTTP_ACCEPT": accept})


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "Application/JSON",
        "application/json; charset=UTF-8",
        'application/json;charset="utf-8"',
    ],
)
def test_json_and_silence_are_taken_as_json(content_type: str | None) -> None:
    require_json_sent({} if content_type is None else {"CONTENT_TYPE": content_type})


@pytest.mark.parametrize(
    "content_type", ["text/json", "application/json; charset=latin-1", "application/jsonx", ";", "é"]
)
def test_other_bodies_are_refused_by_name(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="send application/json"):
        require_json_sent({"CONTENT_TYPE": content_type})


def test_a_refusal_names_all_that_the_address_takes() -> None:
    with pytest.raises(UnsupportedMediaType, match=r"'text/html'; send application/json in UTF-8 or text/csv\.$"):
        require_json_sent({"CONTENT_TYPE": "text/html"}, ("text/csv",))


def test_a_body_must_not_be_packed() -> None:
    require_json_sent({"HTTP_CONTENT_ENCODING": "identity"})
    with pytest.raises(UnsupportedMediaType, match="gzip"):
        require_json_sent({"HTTP_CONTENT_ENCODING": "gzip", "CONTENT_TYPE": "application/json"})


def environ(length: str | None, body: bytes, **more: str) -> dict[str, object]:
    found: dict[str, object] = {"wsgi.input": io.BytesIO(body), **more}
    return found if length is None else {**found, "CONTENT_LENGTH": length}


def test_as_many_bytes_as_are_declared_are_read() -> None:
    assert read_body(environ("3", b"abcdef"), 10) == b"abc"
    assert read_body(environ("10", b"a" * 10), 10) == b"a" * 10
    assert read_body(environ("0", b"abc"), 10) == b""
    assert read_body(environ("", b"abc"), 10) == b""
    assert read_body(environ(None, b"abc"), 10) == b""


def test_a_body_of_unknown_length_is_read_up_to_the_limit() -> None:
    assert read_body(environ(None, b"a" * 10, HTTP_TRANSFER_ENCODING="chunked"), 10) == b"a" * 10
    with pytest.raises(TooLarge, match=r"more than 10 bytes"):
        read_body(environ(None, b"a" * 11, HTTP_TRANSFER_ENCODING="chunked"), 10)


@pytest.mark.parametrize("length", ["11", "9" * 18, "9" * 5000])
def test_a_body_declared_too_large_is_not_read(length: str) -> None:
    given = environ(length, b"a" * 20)
    with pytest.raises(TooLarge, match=r"limits\.body"):
        read_body(given, 10)
    stream = given["wsgi.input"]
    assert isinstance(stream, io.BytesIO)
    assert stream.tell() == 0


@pytest.mark.parametrize("length", ["-1", "1.0", "+1", " 1", "0x1", "abc", "\xb2", "١"])
def test_a_length_that_is_no_number_is_unreadable(length: str) -> None:
    with pytest.raises(Unreadable, match="Content-Length"):
        read_body(environ(length, b"abc"), 10)


def test_a_body_that_ends_early_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="after 3 of 5 bytes"):
        read_body(environ("5", b"abc"), 10)


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("content_type", "found"),
    [
        (None, JSON),
        ("", JSON),
        (JSON, JSON),
        ("Application/JSON; charset=UTF-8", JSON),
        ('application/json; profile=x; charset="utf-8"', JSON),
        ("text/csv; header=present", "text/csv"),
        ("text/csv;charset=us-ascii", "text/csv"),
        (FORM, JSON),
    ],
)
def test_a_body_is_of_one_of_the_types(content_type: str | None, found: str) -> None:
    environ = {} if content_type is None else {"CONTENT_TYPE": content_type}
    assert media_type_sent(environ, (JSON, "text/csv"), (FORM,)) == found


@pytest.mark.parametrize("content_type", ["text/plain", "application/json; charset=latin-1", "*/*", ";", FORM])
def test_a_body_of_another_type_is_refused(content_type: str) -> None:
    if content_type != ";":
        with pytest.raises(UnsupportedMediaType):
            media_type_sent({"CONTENT_TYPE": content_type}, (JSON,))
    elsewhere = {"HTTP_ORIGIN": "https://elsewhere.example", "HTTP_HOST": "localhost", "CONTENT_TYPE": content_type}
    with pytest.raises(UnsupportedMediaType):
        media_type_sent(elsewhere, (JSON,), (FORM,))


def test_a_page_of_another_site_says_what_it_sends() -> None:
    elsewhere = {"HTTP_SEC_FETCH_SITE": "cross-site"}
    assert media_type_sent({**elsewhere, "CONTENT_TYPE": JSON}, (JSON,)) == JSON
    with pytest.raises(UnsupportedMediaType, match="another site"):
        media_type_sent(elsewhere, (JSON,))
