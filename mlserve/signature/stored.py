"""StoredInputs: how the prediction log keeps the inputs of a prediction, and how they come back."""

from collections.abc import Callable, Iterable
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mlserve.errors import Invalid, NotSupported
from mlserve.signature.batch import DTYPES, Batch, varying_array
from mlserve.signature.blocks.layout import LARGEST_WRITTEN, PLAIN
from mlserve.signature.blocks.writer import BlockWriter
from mlserve.signature.digests import base64_json, digest_json
from mlserve.signature.fast import REFUSALS, stored_reader
from mlserve.signature.fields import BINARY, INTEGERS, TEXTS, Field, Signature
from mlserve.signature.pictures import pictures_of
from mlserve.signature.texts import ArrayTemplate, Texts, array_json, flat_texts, item_texts, number_texts


class StoredInputs:
    """Encodes Batches of one signature as a JSON array of objects by field name, and decodes them.

    Floats are the shortest text that round-trips in the field's type, whole numbers are exact, bytes and picture files
    are base64 as they came, missing is null. A field with `keep = omit` is left out; with `keep = hash` it is "sha256:"
    and the hex digest of the canonical JSON text (RFC 8785; whole numbers in all their digits) of the value as it would
    be kept.
    """

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.not_kept: dict[str, str] = {field.name: field.keep for field in signature.inputs if field.keep != "full"}
        kept = [field for field in signature.inputs if field.keep != "omit"]
        self._template = ArrayTemplate([(field.name, ()) for field in kept])
        self._matrix_only = all(is_plain(field, {"float32"}) for field in signature.inputs)
        slots = list(enumerate(kept))
        self._floats = _Group(signature, [(slot, field) for slot, field in slots if is_plain(field, {"float32"})])
        self._numbers = _Group(signature, [(slot, field) for slot, field in slots if is_plain(field, _NUMBERS)])
        grouped = {*self._floats.slots, *self._numbers.slots}
        self._singles = [
            (slot, signature.positions[field.name], _column_encoder(field))
            for slot, field in slots
            if slot not in grouped
        ]
        self._read = stored_reader(signature)
        self._pictures = pictures_of(signature, None)
        self._block = BlockWriter(signature)

    def encode(self, batch: Batch) -> bytes:
        """The JSON text of a Batch's instances, as the log keeps them."""
        if self._matrix_only:
            return self._template.fill(flat_texts(array_json(batch.matrix())))
        width = self._template.width
        if width == 0:
            return self._template.empty(batch.n)
        texts: Texts = [b""] * (batch.n * width)
        rows = batch.rows()
        if self._floats.slots:
            self._floats.place(flat_texts(array_json(self._floats.matrix(batch))), texts, width)
        if self._numbers.slots:
            values = [value for row in rows for value in self._numbers.cells(row)]
            self._numbers.place(number_texts(values), texts, width)
        for slot, position, encode in self._singles:
            texts[slot::width] = encode([row[position] for row in rows])
        return self._template.fill(texts)

    def block(self, batch: Batch) -> tuple[bytes, str] | None:
        """The same instances as a column block, and its encoding; None where no field is kept, or it is too large."""
        if self._template.width == 0:
            return None
        block = self._block.write(batch)
        return None if len(block) > LARGEST_WRITTEN else (block, PLAIN)

    def decode(self, stored: bytes) -> Batch:
        """The Batch that was kept. Raises NotSupported when a field of it was not, or the text is of other inputs."""
        if self.not_kept:
            names = ", ".join(f"'{name}' ({keep})" for name, keep in self.not_kept.items())
            raise NotSupported(f"The inputs of this prediction were not kept whole: {names}.")
        try:
            rows = self._read(stored)
            if self._pictures is not None:
                rows = self._pictures.in_rows(rows, 1, lambda index, name: (index, name))
        except (*REFUSALS, Invalid) as error:
            raise NotSupported("The stored inputs do not have this version's signature.") from error
        return Batch.from_rows(self.signature, rows)


_NUMBERS = {"bool", *INTEGERS, "float64"}


def is_plain(field: Field, types: set[str]) -> bool:
    return field.type in types and not field.shape and field.keep == "full"


class _Group:
    """Fields whose values are turned into text together; their slots are places in the template."""

    def __init__(self, signature: Signature, members: list[tuple[int, Field]]) -> None:
        self.slots = [slot for slot, _ in members]
        positions = [signature.positions[field.name] for _, field in members]
        self._positions = np.array(positions, np.intp)
        if members:
            self.signature = Signature(tuple(field for _, field in members), ())
            # Asked for one position, itemgetter would give the bare value.
            self.cells: Callable[[Any], tuple[Any, ...]] = (
                itemgetter(*positions) if len(positions) > 1 else itemgetter(slice(positions[0], positions[0] + 1))
            )

    def matrix(self, batch: Batch) -> NDArray[np.float32]:
        """The group's float32 columns, out of the batch's own feature matrix where it can have one."""
        if batch.signature.packing.refusal is None:
            return batch.matrix().take(self._positions, axis=1)
        return self.signature.packing.matrix([self.cells(row) for row in batch.rows()])

    def place(self, found: Texts, texts: Texts, width: int) -> None:
        """Copy the group's texts, row after row, to their places among those of all fields."""
        if len(texts) == width:
            for slot, text in zip(self.slots, found, strict=True):
                texts[slot] = text
            return
        count = len(self.slots)
        for offset, slot in enumerate(self.slots):
            texts[slot::width] = found[offset::count]


def _column_encoder(field: Field) -> Callable[[list[Any]], Iterable[bytes]]:
    """What gives the texts of a field's values where it is no plain number."""
    if field.keep == "hash":
        return lambda values: [digest_json(field, value) for value in values]
    if field.type in BINARY:
        return lambda values: [base64_json(value) for value in values]
    if field.varies and field.type not in TEXTS:
        return lambda values: [_varying_text(field, value) for value in values]
    if field.type == "float16" or (field.shape and field.type not in TEXTS):
        return lambda values: _tensor_texts(field, values)
    if field.type == "category" and not field.shape:
        names = _Names({name: orjson.dumps(name) for name in (None, *field.categories)})
        return partial(map, names.__getitem__)
    return lambda values: [orjson.dumps(value) for value in values]


class _Names(dict[str | None, bytes]):
    """The JSON texts of a field's categories; a category that it does not name is written when it comes."""

    def __missing__(self, key: str | None) -> bytes:
        return orjson.dumps(key)


def _tensor_texts(field: Field, values: list[Any]) -> Texts:
    present = [value for value in values if value is not None]
    if not present:
        return [b"null"] * len(values)
    texts = iter(item_texts(array_json(np.array(present, DTYPES[field.type])), len(field.shape)))
    return [b"null" if value is None else next(texts) for value in values]


def _varying_text(field: Field, value: Any) -> bytes:
    return b"null" if value is None else array_json(varying_array(field, value))
