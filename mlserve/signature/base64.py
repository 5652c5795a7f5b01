"""Base64 as requests and the log have it: RFC 4648 section 4, with padding, and nothing else among it.

One text for the same bytes: unused bits must be zero, so that what was read is written again as it came.
"""

import binascii
import re

_STRANGE = re.compile(r"[^A-Za-z0-9+/]").search

# The texts that are read, as JSON Schema and Python spell it.
PATTERN = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"


class NotBase64(ValueError):
    """The text is not base64; `str()` says why, and where."""


def read_base64(text: str) -> bytes:
    """The bytes of a text. Raises NotBase64."""
    if len(text) % 4 or text.endswith("==="):
        raise NotBase64(_reason(text))  # Python would take padding after a whole group.
    try:
        found = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise NotBase64(_reason(text)) from error
    if text.endswith("=") and write_base64(found[-(len(found) % 3) :]) != text[-4:].encode():
        raise NotBase64("it has bits after its end")
    return found


def write_base64(value: bytes) -> bytes:
    """The base64 of bytes, without a line break."""
    return binascii.b2a_base64(value, newline=False)


def _reason(text: str) -> str:
    if text.startswith("data:"):
        return "leave away all up to the first comma, data:…,"
    strange = _STRANGE(text)
    if strange and not (strange[0] == "=" and strange.start() >= len(text) - 2):
        return f"it has {strange[0]!r} at character {strange.start()}"
    return "its padding is wrong" if len(text) % 4 == 0 else f"its {len(text)} characters are not groups of four"
