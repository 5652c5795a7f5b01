"""What the names of models, aliases and bundles look like. Pure."""

import re
from collections.abc import Iterable
from typing import Final

MODEL_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
# The alias that answers where nobody asks for another.
CHAMPION: Final = "champion"
# Of a bundle, and of a file: a SHA-256 in lower-case hex.
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
# What the database counts to.
LARGEST_NUMBER: Final = 2**31 - 1
_COUNTED: Final = re.compile(r"[1-9][0-9]{0,9}")


def counted(text: str) -> int | None:
    """The number, counted from 1, that a text is, as of a version or a revision; None for what is none."""
    return int(text) if _COUNTED.fullmatch(text) and int(text) <= LARGEST_NUMBER else None


def named_twice(names: Iterable[str]) -> str | None:
    """The first name that has stood there before, if any: looked for in one pass, whoever wrote so many."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
