"""Reading the body and the media types of a request: once, and from the WSGI environment."""

from typing import Any

from multipart import parse_options_header  # type: ignore[import-untyped]
from webob.acceptparse import create_accept_header

from mlserve.errors import NotAcceptable, TooLarge, Unreadable, UnsupportedMediaType

JSON = "application/json"
UPLOAD = "multipart/form-data"
# Python refuses to read a number of thousands of digits, and no body is that long.
_LONGEST_LENGTH = 18
PROBLEM = "application/problem+json"
# Text of ASCII characters only is UTF-8 too; were it more, its decoding would tell.
UTF8 = ("utf-8", "utf8", "us-ascii")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def negotiate(environ: dict[str, Any], offers: tuple[str, ...] = (JSON,)) -> str:
    """Which of the media types on offer the caller likes best; of equals, the first. Raises NotAcceptable.

    Whoever takes problems only is given the first too: what they read is JSON.
    """
    accept = environ.get("HTTP_ACCEPT")
    if accept in (None, "*/*", offers[0]):
        return offers[0]
    if accept in offers:
        return str(accept)
    accepted = create_accept_header(accept).acceptable_offers((*offers, PROBLEM))
    if not accepted:
        raise NotAcceptable(f"The answer is {' or '.join(offers)}, which the Accept header {accept!r} rules out.")
    best: str = accepted[0][0]
    return offers[0] if best == PROBLEM else best


def require_json_sent(environ: dict[str, Any], beside: tuple[str, ...] = ()) -> None:
    """Raise UnsupportedMediaType when the body says that it is something else than JSON; silence is taken as JSON.

    `beside` are media types that the address takes too, for the sentence.
    """
    _require_unencoded(environ)
    content_type = environ.get("CONTENT_TYPE")
    if content_type == JSON:
        return
    if not content_type:
        # The one kind of body that a page of another site can send without asking this server first.
        if comes_from_elsewhere(environ):
            raise UnsupportedMediaType(f"A body from a page of another site must say that it is {JSON}.")
        return
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if media_type.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        more = "".join(f" or {other}" for other in beside)
        raise UnsupportedMediaType(f"The body is {content_type!r}; send {JSON} in UTF-8{more}.")


def boundary_sent(environ: dict[str, Any]) -> str | None:
    """The boundary of the form (multipart/form-data) that the body says it is; None where it says something else.

    A page of another site can send one without asking this server first, and is refused. Raises UnsupportedMediaType,
    and Unreadable where there is no boundary.
    """
    content_type = environ.get("CONTENT_TYPE", "")
    if content_type == JSON:
        return None
    media_type, options = parse_options_header(content_type)
    if media_type != UPLOAD:
        return None
    _require_unencoded(environ)
    if comes_from_elsewhere(environ):
        raise UnsupportedMediaType(f"A form from a page of another site is not taken; send {JSON}.")
    if options.get("charset", "utf-8").lower() not in UTF8:
        raise UnsupportedMediaType(f"The body is {content_type!r}; send {UPLOAD} in UTF-8.")
    boundary: str | None = options.get("boundary")
    if not boundary:
        raise Unreadable(f"The body is {UPLOAD} without a boundary; the client that makes the form must name it.")
    return boundary


def _require_unencoded(environ: dict[str, Any]) -> None:
    encoding = environ.get("HTTP_CONTENT_ENCODING")
    if encoding and encoding.strip().lower() != "identity":
        raise UnsupportedMediaType(f"The body is encoded as {encoding!r}; send it as it is.")


def media_type_of(environ: dict[str, Any]) -> str:
    """What the body says that it is, whether or not that is taken; empty where it says nothing."""
    content_type: str = environ.get("CONTENT_TYPE", "")
    return content_type.partition(";")[0].strip().lower()


def media_type_sent(environ: dict[str, Any], types: tuple[str, ...], alike: tuple[str, ...] = ()) -> str:
    """Which of `types` the body says that it is, in UTF-8; silence is the first, and so is what is one of `alike`.

    A page of another site can send a body of no type, and of a few types of forms, without asking this server first.
    From there only `types` are taken. Raises UnsupportedMediaType.
    """
    content_type: str = environ.get("CONTENT_TYPE", "")
    if content_type in types:
        return content_type
    media_type = media_type_of(environ)
    if not media_type or media_type in alike:
        if comes_from_elsewhere(environ):
            raise UnsupportedMediaType(f"A body from a page of another site must say that it is {' or '.join(types)}.")
        return types[0]
    charsets = [
        value.strip().strip('"').lower()
        for name, _, value in (parameter.partition("=") for parameter in content_type.split(";")[1:])
        if name.strip().lower() == "charset"
    ]
    if media_type not in types or any(charset not in UTF8 for charset in charsets):
        raise UnsupportedMediaType(f"The body is {content_type!r}; send {' or '.join(types)} in UTF-8.")
    return media_type


def comes_from_elsewhere(environ: dict[str, Any]) -> bool:
    """Whether a browser says that a page of another site sent this. A program that is no browser says nothing."""
    if environ.get("HTTP_SEC_FETCH_SITE", "same-origin") not in ("same-origin", "none"):
        return True
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        return False
    scheme, _, place = str(origin).lower().partition("://")
    host = str(environ.get("HTTP_HOST", "")).lower()
    return place.removesuffix(_DEFAULT_PORTS.get(scheme, "")) != host.removesuffix(_DEFAULT_PORTS.get(scheme, ""))


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """The whole body, at most `limit` bytes. Raises TooLarge, and Unreadable when it ends early."""
    declared = environ.get("CONTENT_LENGTH")
    if not declared:
        body: bytes = environ["wsgi.input"].read(limit + 1) if "HTTP_TRANSFER_ENCODING" in environ else b""
    elif not (declared.isascii() and declared.isdigit()):
        raise Unreadable(f"Content-Length is {declared!r}, not a number.")
    elif len(declared) > _LONGEST_LENGTH or (length := int(declared)) > limit:
        raise too_large(limit)
    else:
        body = environ["wsgi.input"].read(length)
        if len(body) < length:
            raise Unreadable(f"The body ended after {len(body)} of {declared} bytes.")
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> TooLarge:
    """What a body of more bytes than `limit` raises."""
    return TooLarge(f"The body has more than {limit:,} bytes (mlserve.limits.body).")
