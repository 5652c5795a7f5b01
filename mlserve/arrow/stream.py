"""An IPC stream in memory: its messages, from the schema to the mark of its end."""

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from mlserve.arrow.flat import BYTE, LONG, Table
from mlserve.arrow.part import Budget, Part, Values, damaged
from mlserve.arrow.reading import joined
from mlserve.arrow.schema import FieldPlan, known_plan, plan_of
from mlserve.errors import TooLarge, Unreadable

MOST_MESSAGES: Final = 2_000  # of one stream: each costs some work, even where nothing is in it

_DICTIONARY, _BATCH = 2, 3
_CONTINUES = b"\xff\xff\xff\xff"
_END = _CONTINUES + bytes(4)
_HEAD = struct.Struct("<4sI")
_FILE = b"ARROW1"
_KEPT_SCHEMA = 64 * 1024  # bytes of a schema whose plan is kept


class Message(NamedTuple):
    """One message; its body lies from `start` to `end` of the stream."""

    metadata: bytes
    start: int
    end: int


class Stream:
    """What `open_stream` has found: `columns` in their order, and what `read` makes of them."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data = data
        self._budget = Budget(most)
        self._messages = messages(data)
        first = next(self._messages, None)
        if first is None:
            raise damaged("it does not begin with a schema")
        self._plan = (known_plan if len(first.metadata) <= _KEPT_SCHEMA else plan_of)(first.metadata)

    @property
    def columns(self) -> tuple[FieldPlan, ...]:
        return self._plan.columns

    def read(self, refuse_too_many: Callable[[int], None]) -> list[Values]:
        """The values of each column, all record batches together; every column must have a reader.

        `refuse_too_many` is given the number of rows before they are read. Raises Unreadable, TooLarge and
        UnsupportedMediaType.
        """
        readers = [column.reader for column in self.columns if column.reader is not None]
        dictionaries: dict[int, Values] = {}
        pieces: list[list[Values]] = []
        rows = 0
        try:
            for metadata, start, end in self._messages:
                message = Table.root(metadata)
                kind, header = message.number(1, BYTE), message.table(2)
                if header is not None and kind == _BATCH:
                    part = Part(self._data, start, end, header, self._budget, dictionaries)
                    n = part.length
                    rows += n
                    if n < 0:
                        raise damaged("a record batch has fewer than no rows")
                    refuse_too_many(rows)
                    pieces.append([reader.read(part, n) for reader in readers])
                    part.end()
                elif header is not None and kind == _DICTIONARY:
                    identity, values = self._dictionary(header, start, end)
                    dictionaries[identity] = values
                else:
                    raise damaged("a message is neither a record batch nor a dictionary")
        except struct.error as error:
            raise damaged("a message is shorter than what it holds") from error
        return [joined(list(column)) for column in zip(*pieces, strict=True)] if pieces else [[] for _ in readers]

    def _dictionary(self, header: Table, start: int, end: int) -> tuple[int, Values]:
        identity, batch = header.number(0, LONG), header.table(1)
        reader = self._plan.dictionaries.get(identity)
        if reader is None or batch is None:
            raise damaged("a dictionary is of no column")
        if header.number(2, BYTE):
            raise Unreadable("A dictionary of the Arrow stream comes in pieces (deltas); write it whole.")
        part = Part(self._data, start, end, batch, self._budget, {})
        if part.length < 0:
            raise damaged("a dictionary has fewer than no values")
        values = reader.read(part, part.length)
        part.end()
        return identity, values


def open_stream(data: bytes, most: int) -> Stream:
    """The stream of these bytes, whose values may take `most` bytes beyond them.

    Raises Unreadable, UnsupportedMediaType.
    """
    try:
        return Stream(data, most)
    except struct.error as error:
        raise damaged("its schema is shorter than what it holds") from error


def messages(data: bytes) -> Iterator[Message]:
    """The messages up to the mark of the end, which must be there. Raises Unreadable, TooLarge."""
    if data.startswith(_FILE):
        raise Unreadable("The body is an Arrow file (Feather); send the stream format.")
    at, count = 0, 0
    while data[at : at + len(_END)] != _END:
        try:
            mark, size = _HEAD.unpack_from(data, at)
        except struct.error as error:
            raise damaged("it has no end; it may have been cut off") from error
        start = at + _HEAD.size + size
        if mark != _CONTINUES:
            raise damaged("a message does not begin where it should")
        if start > len(data):
            raise damaged("it ends within a message")
        metadata = data[at + _HEAD.size : start]
        at = start + _length_of_body(metadata)
        if not start <= at <= len(data):
            raise damaged("it ends within a message")
        count += 1
        if count > MOST_MESSAGES:
            raise TooLarge(f"The Arrow stream has more than {MOST_MESSAGES:,} messages; write larger record batches.")
        yield Message(metadata, start, at)
    if at + len(_END) != len(data):
        raise damaged("it goes on after its end")


def _length_of_body(metadata: bytes) -> int:
    try:
        return Table.root(metadata).number(3, LONG)
    except struct.error as error:
        raise damaged("a message is shorter than what it holds") from error
