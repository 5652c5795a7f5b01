"""Decoder: from the raw JSON of a request's instances to a Batch, or to every problem that it has."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import msgspec
from numpy.typing import NDArray

from mlserve.errors import Invalid, TooLarge, Unreadable
from mlserve.signature.arrays import PlainFloats, read_arrays
from mlserve.signature.batch import Batch
from mlserve.signature.cells import plain_columns
from mlserve.signature.columns import LARGE, ColumnsBody
from mlserve.signature.fast import REFUSALS, FastDecoder
from mlserve.signature.faults import Fault, Problems, Step
from mlserve.signature.fields import Signature
from mlserve.signature.packing import Row
from mlserve.signature.pictures import pictures_of
from mlserve.signature.schema import row_schema
from mlserve.signature.text import cell_values
from mlserve.signature.walk import Walk


class Decoder:
    """Decodes requests for one version; built once when the version is loaded, shared by all threads.

    The pictures of one request may have `max_pixels` together (None: any number). `count_fallback` is called for each
    request that the fast decoder refused and the Colander schema accepted.
    Raises SignatureError when the signature cannot be served, as one with images cannot be without Pillow.
    """

    def __init__(
        self,
        signature: Signature,
        *,
        max_instances: int,
        max_problems: int,
        max_pixels: int | None = None,
        count_fallback: Callable[[], None] | None = None,
    ) -> None:
        signature.require_categories()
        self.signature = signature
        self.max_instances = max_instances
        self.max_problems = max_problems
        self._count_fallback = count_fallback
        self.schema = row_schema(signature, max_problems)
        self._fast = FastDecoder(signature, max_instances)
        self._floats = PlainFloats(self.schema)
        by_struct = self._fast.by_struct
        self._columns_body = ColumnsBody(signature, max_instances, self._fast, self._floats) if by_struct else None
        self._pictures = pictures_of(signature, max_pixels)

    def decode(self, instances: bytes | None, columns: bytes | None) -> Batch:
        """The Batch of the raw JSON text of the body's `instances` or `columns`, exactly one of which is given.

        Raises Invalid with every problem up to `max_problems`, TooLarge above `max_instances`, and Unreadable for
        text that is not JSON, not UTF-8 or nested too deep.
        """
        if instances is not None and columns is None:
            try:
                rows = self._fast.instances(instances)
            except REFUSALS:
                rows = self._walk_instances(instances)
            return self._batch_of_rows(rows, instances)
        if columns is not None and instances is None:
            found: Sequence[Sequence[Any]]
            try:
                found = self._fast.columns(columns)
            except REFUSALS:
                found = self._walk_columns(columns)
            return self._batch_of_columns(dict(zip(self.signature.names, found, strict=True)))
        problems = Problems(self.max_problems)
        got = "neither" if instances is None else "both"
        problems.add(Fault("required", "either instances or columns", got), (), None, None)
        raise problems.invalid()

    def decode_body(self, body: bytes) -> tuple[Batch, str | None, bool] | None:
        """The Batch of a whole body, with its `reference` and its `explain`, if one pass over it finds nothing amiss.

        None: read it in parts, of which `decode` says what is wrong, if anything.
        """
        if self._pictures is not None:
            return None
        if len(body) >= LARGE and self._columns_body is not None:
            with suppress(*REFUSALS):
                return self._columns_body.read(body)
        try:
            rows, reference, explain = self._fast.body(body)
        except REFUSALS:
            return None
        return Batch.from_rows(self.signature, rows), reference, explain

    def decode_text(self, rows: Sequence[Mapping[str, str]]) -> Batch:
        """The Batch of CSV rows, one mapping of column name to cell text each; "" is missing.

        Raises Invalid and TooLarge as `decode` does, with pointers of the form `/instances/3/age`.
        """
        self.refuse_too_many(len(rows))
        walk = Walk(self.schema, self.max_problems)
        found = walk.instances([cell_values(self.signature, row) for row in rows])
        if walk.problems.listed:
            raise walk.problems.invalid()
        return self._batch_of_rows(found)

    def decode_cells(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Batch:
        """As `decode_text`, of the cells of a whole table below their names, each row as long as these."""
        self.refuse_too_many(len(rows))
        columns = plain_columns(self.signature, names, rows)
        if columns is not None:
            try:
                return self.decode_arrays(columns)
            except Invalid:
                pass  # What is wrong, and in which row, the walk says.
        return self.decode_text([dict(zip(names, row, strict=True)) for row in rows])

    def decode_arrays(self, columns: Mapping[str, NDArray[Any] | list[Any]]) -> Batch:
        """The Batch of typed columns (n, *shape), one for each field, checked as strictly as JSON is.

        A column is an array, or a list of n values; where sizes may differ, a list or an object array of n arrays.
        Missing is NaN in an array of floats (for a tensor: all of its elements), and None elsewhere. Texts may come as
        their bytes in UTF-8, and bytes as they are. Raises Invalid and TooLarge as `decode` does, with pointers of the
        form `/columns/age/3`.
        """
        block = self._floats.block(columns, self.refuse_too_many)
        if block is not None:
            return Batch.from_block(self.signature, block)
        problems = Problems(self.max_problems)
        found = read_arrays(self.schema, columns, problems, self.refuse_too_many, self._floats)
        if problems.listed:
            raise problems.invalid()
        return self._batch_of_columns(found)

    def _walk_instances(self, raw: bytes) -> Sequence[Row]:
        value, finite = read_json(raw)
        if isinstance(value, list):
            self.refuse_too_many(len(value))
        # A number or a text that JSON can write but no type holds is for the schema alone.
        plain = finite and not self._fast.may_hold_nul(raw)
        walk = Walk(self.schema, self.max_problems, self._fast.parsed_row if plain else None)
        rows = walk.instances(value)
        self._refuse(walk, finite)
        return rows

    def _walk_columns(self, raw: bytes) -> Sequence[Sequence[Any]]:
        value, finite = read_json(raw)
        if isinstance(value, dict):
            self.refuse_too_many(max((len(item) for item in value.values() if isinstance(item, list)), default=0))
        walk = Walk(self.schema, self.max_problems)
        columns = walk.columns(value)
        self._refuse(walk, finite)
        return columns

    def _batch_of_rows(self, rows: Sequence[Row], raw: bytes = b"[{") -> Batch:
        """`raw` is the JSON text that the rows were read from; its form says how problems point into it."""
        if self._pictures is not None:
            places: Mapping[str, Step] = self.signature.positions if _is_positional(raw) else {}
            rows = self._pictures.in_rows(
                rows, self.max_problems, lambda index, name: ("instances", index, places.get(name, name))
            )
        return Batch.from_rows(self.signature, rows)

    def _batch_of_columns(self, columns: dict[str, Any]) -> Batch:
        if self._pictures is not None:
            columns = self._pictures.in_columns(columns, self.max_problems)
        return Batch.from_columns(self.signature, columns)

    def _refuse(self, walk: Walk, finite: bool) -> None:
        """Raise what the walk found; count the request when it found nothing."""
        if not finite and not walk.problems.listed:
            # The number stands where a later key of the same name hides it.
            walk.problems.add(Fault("overflow", "numbers within the range of doubles", "more"), (), None, None)
        if walk.problems.listed:
            raise walk.problems.invalid()
        if self._count_fallback is not None:
            self._count_fallback()

    def refuse_too_many(self, count: int) -> None:
        """Raise TooLarge for more instances than one request may have."""
        if count > self.max_instances:
            raise TooLarge(f"{count} instances are more than the {self.max_instances} that one request may have.")


def _is_positional(raw: bytes) -> bool:
    """Whether instances that were accepted are arrays, not objects."""
    return raw.lstrip(b" \t\r\n[")[:1] != b"{"


def read_json(raw: bytes) -> tuple[Any, bool]:
    """The JSON value of `raw`, and whether all its numbers are within the range of doubles; others are infinities.

    Raises Unreadable.
    """
    try:
        return msgspec.json.decode(raw), True
    except msgspec.ValidationError:
        # Valid JSON, but with a number that msgspec cannot hold (1e999). The standard library reads on, so that the
        # walk can say where it stands.
        return _read_infinite(raw), False
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"The body is not JSON in UTF-8: {error}.") from error
    except RecursionError as error:
        raise Unreadable("The body is nested too deep.") from error


def _read_infinite(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode(), parse_int=_integer, parse_constant=_refuse_constant)
    except ValueError as error:
        raise Unreadable("The body is not JSON in UTF-8.") from error
    except RecursionError as error:
        raise Unreadable("The body is nested too deep.") from error


def _integer(text: str) -> float:
    # Python converts no more than 4,300 digits.
    return int(text) if len(text) <= 400 else math.copysign(math.inf, -1 if text.startswith("-") else 1)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)
