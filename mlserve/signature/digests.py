"""The JSON texts of bytes, and of values that the log keeps as a hash."""

import hashlib
from typing import Any

import numpy as np
import orjson
import rfc8785

from mlserve.signature.base64 import write_base64
from mlserve.signature.batch import DTYPES, varying_array
from mlserve.signature.fields import BINARY, INTEGERS, Field
from mlserve.signature.picture import Picture
from mlserve.signature.texts import array_json


def base64_json(value: Any) -> bytes:
    """The JSON text of bytes, of a picture's file, or of nested lists of them."""
    if value is None:
        return b"null"
    if isinstance(value, list):
        return b"[" + b",".join(map(base64_json, value)) + b"]"
    return b'"' + write_base64(value.raw if isinstance(value, Picture) else value) + b'"'


def digest_json(field: Field, value: Any) -> bytes:
    """The JSON text of "sha256:" and the hex digest of a value's canonical JSON text; null where it is missing."""
    if value is None:
        return b"null"
    return b'"sha256:' + hashlib.sha256(_canonical(field, value)).hexdigest().encode() + b'"'


def digest(field: Field, value: Any) -> bytes:
    """The 32 bytes of that digest. `value` is not None."""
    return hashlib.sha256(_canonical(field, value)).digest()


def _canonical(field: Field, value: Any) -> bytes:
    if field.type in ("float16", "float32"):
        # The value as it would be kept: 0.1, not the double 0.10000000149011612.
        array = varying_array(field, value) if field.varies else np.array(value, DTYPES[field.type])
        value = orjson.loads(array_json(array[np.newaxis]))[0]
    elif field.type in BINARY:
        return base64_json(value)  # Canonical as it is: it has nothing to escape or to round.
    elif field.type in INTEGERS:
        return orjson.dumps(value)
    return rfc8785.dumps(value)
