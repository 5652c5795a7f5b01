"""A prediction's request as a form (multipart/form-data, RFC 7578): files as they are, all else as in a CSV.

A form is made the JSON body that says the same, so that everything after it is what it is for JSON.
"""

import math
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)

from mlserve.api.negotiation import UTF8
from mlserve.errors import TooLarge, Unreadable
from mlserve.signature import Field, Signature
from mlserve.signature.faults import Fault, LimitReached, Problems
from mlserve.signature.fields import BINARY
from mlserve.signature.text import cell_values

# Tables of more values than this go as JSON: each part costs as much as a hundred numbers in it.
PARTS = 10_000
HEADER_BYTES = 8_192  # of one line
HEADERS = 8  # of one part

REFERENCE, EXPLAIN = "reference", "explain"
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_ENCODINGS = ("binary", "8bit", "7bit")
_CHARSETS = (None, *UTF8)
# RFC 2046 has fewer characters, but some clients choose others.
_BOUNDARY = re.compile("[ -~]{0,69}[!-~]").fullmatch
_SHOWN = 100  # of the text of a part that no field takes


class Part(NamedTuple):
    """One part; `value` is None where it says that there is none: empty, and no file."""

    name: str
    value: bytes | None
    is_file: bool = False


class Upload:
    """The form of one request; read when it is first asked for. What reads it raises Unreadable and TooLarge."""

    def __init__(self, body: bytes, boundary: str, max_problems: int) -> None:
        self._body = body
        self._boundary = boundary
        self._max_problems = max_problems

    @cached_property
    def parts(self) -> list[Part]:
        return read_parts(self._body, self._boundary)

    def identity(self) -> bytes:
        """The same for the same names and values in the same order: each client makes a new boundary each time."""
        pieces = [b"form"]
        for name, value, _ in self.parts:
            for piece in (name.encode(), value):
                pieces += [b"-"] if piece is None else [b"%d:" % len(piece), piece]
        return b"".join(pieces)

    def members(self, signature: Signature) -> dict[str, Any]:
        """What stands beside the instances, of which one part each is taken; a field of such a name is a field."""
        texts = {name: (value or b"").decode(errors="replace") for name, value, _ in self.parts}
        found: dict[str, Any] = {}
        if _is_member(REFERENCE, signature) and texts.get(REFERENCE):
            found[REFERENCE] = texts[REFERENCE]
        if _is_member(EXPLAIN, signature) and texts.get(EXPLAIN):
            found[EXPLAIN] = _TRUTHS.get(texts[EXPLAIN].strip().lower(), texts[EXPLAIN])
        return found

    def as_json(self, signature: Signature) -> bytes:
        """The JSON body of a prediction that says the same. Raises Invalid where no such body would.

        That is where a text is not UTF-8, and where the fields are not there equally often.
        """
        given: dict[str, list[bytes | None]] = {}
        for name, value, _ in self.parts:
            given.setdefault(name, []).append(value)
        files = {part.name for part in self.parts if part.is_file}
        members = {
            name: given.pop(name) for name in (REFERENCE, EXPLAIN) if name in given and _is_member(name, signature)
        }
        problems = Problems(self._max_problems)
        columns: dict[str, list[Any]] = {}
        try:
            _find_misfits(members, given, signature, problems)
            for name, values in given.items():
                position = signature.positions.get(name)
                if position is None:  # The decoder says that there is no such field.
                    columns[name] = [_shown(value, name in files) for value in values]
                else:
                    columns[name] = list(_values(signature, signature.inputs[position], values, problems))
        except LimitReached:
            pass
        if problems.listed:
            raise problems.invalid()
        count = max(map(len, columns.values()), default=0)
        instances = [
            {name: column[index] for name, column in columns.items() if index < len(column)} for index in range(count)
        ]
        return msgspec.json.encode({"instances": instances, **self.members(signature)})


def read_parts(body: bytes, boundary: str) -> list[Part]:
    """The parts of a form. Raises Unreadable for anything else than one whole form, and TooLarge."""
    if not _BOUNDARY(boundary):
        raise Unreadable("The boundary of the form is not one: 1 to 70 ASCII characters.")
    opening = b"--" + boundary.encode()
    closing = b"\r\n" + opening + b"--"
    body = body.removesuffix(b"\r\n")
    if not body.startswith(opening):
        raise Unreadable("The form does not begin with its boundary.")
    if not body.endswith(closing):
        raise Unreadable("The form has no parts, or does not end with its closing boundary: it may have been cut off.")
    parser = PushMultipartParser(
        boundary, max_header_size=HEADER_BYTES, max_header_count=HEADERS, max_segment_count=PARTS, strict=True
    )
    try:
        with parser:
            # The closing boundary comes by itself: after one that stands earlier, it is refused.
            events = [event for chunk in (body.removesuffix(closing), closing) for event in parser.parse(chunk)]
    except ParserLimitReached as error:
        raise TooLarge(
            f"The form has more than {PARTS:,} parts, or a part more than {HEADERS} headers or one of more than "
            f"{HEADER_BYTES:,} bytes: send JSON."
        ) from error
    except MultipartError as error:
        raise Unreadable(f"The form cannot be read: {str(error.args[0]).rstrip('.')}.") from error
    return list(_parts(events))


def _parts(events: Sequence[MultipartSegment | bytes | None]) -> Iterable[Part]:
    starts = [at for at, event in enumerate(events) if isinstance(event, MultipartSegment)]
    for start, end in pairwise([*starts, len(events)]):
        segment: Any = events[start]
        _require_plain(segment)
        value = b"".join(piece for piece in events[start + 1 : end] if isinstance(piece, bytes))
        # A browser sends a file input in which nothing was chosen as an empty file without a name.
        is_file = bool(segment.filename)
        yield Part(segment.name, value if value or is_file else None, is_file)


def _require_plain(segment: MultipartSegment) -> None:
    """Raise Unreadable for a part that is to be decoded in another way than everybody does."""
    name = repr(segment.name)[:_SHOWN]
    if (segment.content_type or "").startswith("multipart/"):
        raise Unreadable(f"The part {name} is a form in the form; send each of its parts by itself.")
    if (charset := segment.charset and segment.charset.lower()) not in _CHARSETS:
        raise Unreadable(f"The part {name} is in {charset[:_SHOWN]!r}; send UTF-8.")
    encoding = segment.header("Content-Transfer-Encoding", "binary").strip().lower()
    if encoding not in _ENCODINGS:
        raise Unreadable(f"The part {name} is encoded as {encoding[:_SHOWN]!r}; send it as it is.")


def is_file(field: Field) -> bool:
    """Whether a field's part is a file: the bytes themselves, where JSON has base64."""
    return field.type in BINARY and not field.nesting


def _shown(value: bytes | None, is_file: bool) -> str:
    """What an answer says of a part that no field takes; of a file how long it is."""
    value = value or b""
    return f"a file of {len(value):,} bytes" if is_file else value[:_SHOWN].decode(errors="replace")


def _is_member(name: str, signature: Signature) -> bool:
    return name not in signature.positions


def _find_misfits(
    members: dict[str, list[bytes | None]],
    given: dict[str, list[bytes | None]],
    signature: Signature,
    problems: Problems,
) -> None:
    """What is there twice, or less often than the other fields: of whom it is missing cannot be told."""
    for name, values in members.items():
        if len(values) > 1:
            problems.add(Fault("length", "one part of this name", f"{len(values)} parts"), (name,), None, name)
        elif not _is_utf8(values[0]):
            problems.add(_not_utf8(values[0]), (name,), None, name)
    counts = {name: len(values) for name, values in given.items() if name in signature.positions}
    most = max(counts.values(), default=0)
    for name, count in counts.items():
        if count < most:
            other = next(other for other, times in counts.items() if times == most)
            expected = f"as many parts as {other!r} has, which is {most}"
            got = f"{count} part{'s' if count > 1 else ''}"
            problems.add(Fault("length", expected, got), ("instances", count, name), count, name)


def _values(signature: Signature, field: Field, values: Sequence[bytes | None], problems: Problems) -> Iterable[Any]:
    """The values of one field, ready for JSON; bytes become base64 there."""
    if is_file(field):
        yield from values
        return
    for index, value in enumerate(values):
        if _is_utf8(value):
            text = (value or b"").decode()
            yield _exact(cell_values(signature, {field.name: text})[field.name])
        else:
            problems.add(_not_utf8(value), ("instances", index, field.name), index, field.name)


def _exact(value: Any) -> Any:
    """A number that JSON can write and no type holds stays such a number: msgspec would write null, or fail."""
    if isinstance(value, float) and math.isinf(value):
        return msgspec.Raw(b"-1e999" if value < 0 else b"1e999")
    if isinstance(value, int) and not isinstance(value, bool):
        return msgspec.Raw(str(value).encode())
    return value


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(value: bytes | None) -> Fault:
    return Fault("type", "a text in UTF-8", f"{len(value or b''):,} bytes that are none")
