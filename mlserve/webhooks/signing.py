"""Secrets and signatures of Standard Webhooks (https://www.standardwebhooks.com). Pure, but for reading the file."""

import base64
import binascii
import hmac
from pathlib import Path
from typing import Final

from mlserve.errors import ConfigurationError

MARK: Final = "whsec_"
# In bytes, as the specification says.
SHORTEST, LONGEST = 24, 64


class Signer:
    """Signs with every secret of a file: while a secret is replaced, the receiver may know the old or the new one."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """`timestamp`, in seconds since 1970, is that of the attempt: a receiver refuses what is old."""
        content = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
        signatures = [base64.b64encode(hmac.digest(key, content, "sha256")).decode() for key in self._keys]
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
        }


def read_signer(path: Path, key: str) -> Signer:
    """The signer of the secrets in a file, which `key` of the INI names. Raises ConfigurationError; tells no secret."""
    try:
        words = path.read_text(encoding="ascii").split()
    except UnicodeDecodeError:
        words = []
    except OSError as error:
        raise ConfigurationError(
            f"{key} is {str(path)!r}, which cannot be read ({(error.strerror or 'failed').lower()}): write the path of "
            f"a file with a secret, such as `echo {MARK}$(openssl rand -base64 32)` makes."
        ) from error
    keys = tuple(_decoded(word) for word in words)
    if not keys or b"" in keys:
        raise ConfigurationError(
            f"{key} is {str(path)!r}, which holds no secret: write {MARK} and {SHORTEST} to {LONGEST} random bytes in "
            f"base64 into it, as `echo {MARK}$(openssl rand -base64 32)` makes; several stand with spaces between."
        )
    return Signer(keys)


def _decoded(word: str) -> bytes:
    """Empty for what is no secret."""
    try:
        key = base64.b64decode(word.removeprefix(MARK), validate=True)
    except binascii.Error:
        return b""
    return key if word.startswith(MARK) and SHORTEST <= len(key) <= LONGEST else b""
