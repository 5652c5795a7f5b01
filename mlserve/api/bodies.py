"""JSON bodies: read without more depth than is allowed."""

import re
from functools import partial
from typing import Any

import msgspec
import numpy as np

from mlserve.api.negotiation import read_body, require_json_sent
from mlserve.errors import Invalid, Problem, Unreadable
from mlserve.signature.faults import got

# A text that never ends is one too, and nothing is given back: the search stays linear whatever it is given.
_without_texts = partial(re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL).sub, b"")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_PLACE = re.compile(r"\(byte (\d+)\)").search  # of msgspec's sentence
_NO_NUMBER = re.compile(rb"NaN|Infinity").match
_CLOSES = 0b100  # the bit that ] and } have, and [ and { have not


def json_body(request: Any) -> dict[str, Any]:
    """The JSON object of the body. Raises Unreadable, Invalid, TooLarge, UnsupportedMediaType."""
    require_json_sent(request.environ)
    limits = request.serving.limits
    value = read_any(read_body(request.environ, limits.body), limits.depth)
    if not isinstance(value, dict):
        raise Invalid("The body is not an object.", problems=[Problem("type", "an object", got(value))])
    return value


def read_members(body: bytes, max_depth: int) -> dict[str, msgspec.Raw]:
    """The members of a JSON object, each as its own JSON text. Raises Unreadable, Invalid.

    A text that is not UTF-8 is found by whoever reads it.
    """
    refuse_depth(body, max_depth)
    try:
        return _members(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = read_any(body, max_depth)
    raise Invalid("The body is not an object.", problems=[Problem("type", "an object", got(value))])


def read_any(body: bytes, max_depth: int) -> Any:
    """The body as untyped JSON values. Raises Unreadable."""
    refuse_depth(body, max_depth)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        if not body.strip():
            raise Unreadable("The body is empty.") from error
        raise Unreadable(f"The body is not JSON: {error}.{_hint(body, str(error))}") from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"The body is not UTF-8 at byte {error.start} of a text in it.") from error


def _hint(body: bytes, error: str) -> str:
    """What to write instead of the word that the decoder stopped at, which Python and R write and JSON has not."""
    place = _PLACE(error)
    word = _NO_NUMBER(body, int(place[1])) if place else None
    return f" JSON has no {word[0].decode()}: write null for a missing number." if word else ""


def refuse_depth(body: bytes, max_depth: int) -> None:
    """Raise Unreadable where brackets nest deeper than `max_depth`; texts are passed over."""
    brackets = _without_texts(body).translate(None, _NO_BRACKETS)
    if len(brackets) <= max_depth:
        return
    closing = np.frombuffer(brackets, np.uint8) & _CLOSES != 0
    if np.where(closing, -1, 1).cumsum(dtype=np.int32).max() > max_depth:
        raise Unreadable(f"The body is nested more than {max_depth} levels deep (mlserve.limits.depth).")
