"""The datatypes of the protocol, and which one each type of a signature's fields has on the wire."""

from typing import Any, Final

import numpy as np

from mlserve.signature import Field, OutputField

BYTES: Final = "BYTES"
# Little-endian, whatever this machine is.
NUMBERS: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
# BF16 is a datatype of the protocol, but no field has that type: a tensor of it never fits.
KNOWN: Final = frozenset({*NUMBERS, BYTES, "BF16"})

OF_TYPE: Final[dict[str, str]] = {
    "bool": "BOOL",
    **{f"{kind}{bits}": f"{kind.upper()}{bits}" for kind in ("uint", "int") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
    **dict.fromkeys(("string", "category", "text", "bytes", "image"), BYTES),
}
# Their elements are bytes of any kind: base64 where they stand in JSON.
RAW: Final = frozenset({"bytes", "image"})


def datatype_of(field: Field | OutputField) -> str:
    """The datatype of a field's tensor."""
    return OF_TYPE[field.type]
