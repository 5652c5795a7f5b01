"""What a text must not hold to stand in an XML document. Pure."""

import re
from typing import Final

# What XML 1.0 has no form for, not even escaped: most control characters, lone surrogates and two more.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def writable(text: str) -> str:
    """The text with a replacement character for each one that XML cannot write."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
