"""Large bodies of columns: one pass over the text, and arrays of what are single floats.

What is refused is the same as elsewhere. But a number is not looked at while it is read: a look at all of a column at
once costs next to nothing.
"""

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from mlserve.signature.arrays import PlainFloats
from mlserve.signature.batch import Batch
from mlserve.signature.fast import FastDecoder, Refused, instance_struct, value_type
from mlserve.signature.fields import PLAIN_FLOATS, Field, Signature

# From so many bytes on a body is read here: 18 rows of 30 floats, or 110 of 5. Arrays cost less than they save then.
LARGE = 4096


class ColumnsBody:
    """Reads whole bodies of columns. `fast` and `floats` are those of the same signature, which a struct can hold."""

    def __init__(self, signature: Signature, max_instances: int, fast: FastDecoder, floats: PlainFloats) -> None:
        self._signature = signature
        self._fast = fast
        self._floats = floats
        self._is_block = all(field.type in PLAIN_FLOATS and not field.shape for field in signature.inputs)
        self._decode = _body_decoder(signature.inputs, set(floats.places), Meta(min_length=1, max_length=max_instances))

    def read(self, raw: bytes) -> tuple[Batch, str | None, bool]:
        """The Batch, the `reference`, and whether the body asks to explain.

        Raises one of REFUSALS when this is not a body of columns, or the schema must decide.
        """
        body = self._decode(raw)  # A body of instances ends here at once.
        if self._fast.may_hold_nul(raw):
            raise Refused
        columns = self._fast.finished_columns(msgspec.structs.astuple(body.columns))
        return self._batch(columns), body.reference, body.explain

    def _batch(self, columns: list[Sequence[Any]]) -> Batch:
        names, places = self._signature.names, self._floats.places
        found: dict[str, Any] = dict(zip(names, columns, strict=True))
        if not places:
            return Batch.from_columns(self._signature, found)
        block = _block_of([columns[place] for place in places], len(columns[0]))
        if not self._floats.are_sound(block):
            raise Refused
        if self._is_block:
            return Batch.from_block(self._signature, block)
        found |= {names[place]: row for place, row in zip(places, block, strict=True)}
        return Batch.from_columns(self._signature, found)


def _block_of(columns: Iterable[Sequence[float | None]], n: int) -> NDArray[np.float64]:
    """The numbers of columns of one length as doubles (columns, n), NaN for missing.

    `struct` takes a third of the time that numpy needs for the same.
    """
    pack = struct.Struct(f"{n}d").pack
    return np.frombuffer(b"".join([_packed(pack, column) for column in columns]), np.float64).reshape(-1, n)


def _packed(pack: Callable[..., bytes], values: Sequence[float | None]) -> bytes:
    try:
        return pack(*values)
    except struct.error:  # of what is missing
        return pack(*[math.nan if value is None else value for value in values])


def _body_decoder(fields: Sequence[Field], plain: set[int], some: Meta) -> Callable[[bytes], Any]:
    """Reads what `Envelope` allows beside columns, but `parameters`, of which none are known."""
    types = [value_type(field, checked=position not in plain) for position, field in enumerate(fields)]
    table: Any = instance_struct(fields, [Annotated[list[type_], some] for type_ in types])  # type: ignore[valid-type]
    members: list[Any] = [("columns", table), ("reference", str | None, None), ("explain", bool, False)]
    return msgspec.json.Decoder(msgspec.defstruct("Body", members, forbid_unknown_fields=True, gc=False)).decode
