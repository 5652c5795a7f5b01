"""One prediction as the log keeps it: the spool's payload and the row of table `predictions`, from the same fields."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from mlserve.errors import NotSupported
from mlserve.signature.blocks import Damaged, block_json, deflated, read_block

# Every payload begins with one of these and then the id, by its format; the search for an unshipped id relies on it.
HEADS = (b'{"v":1,"id":"', b'{"v":2,"id":"')

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PredictionRecord(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False, tag_field="v", tag=1):
    """What is kept of one answered request.

    `inputs` and `outputs` are JSON texts: an array of `n` objects by field name; whoever reads inputs asks for
    `inputs_text()`, which a BlockRecord has too. `created_at` is in microseconds since 1970 UTC. `asked` is what the
    caller asked for (`alias:champion`, `version:3`); `alias`, `version` and `digest` are what answered. `not_kept`
    names the fields that the log keeps only as a hash or not at all. `explanation` is a JSON text that the family's own
    table keeps. The `v` of the JSON form is the format's number.
    """

    v: ClassVar[int] = 1

    id: str
    model: str
    version: int
    digest: str
    family: str
    engine: str
    plugin: str
    library: str
    asked: str
    created_at: int
    duration_us: int
    n: int
    # Not `Raw | None`: of such a union, msgspec reads null only.
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    inputs_block: bytes | None = None
    encoding: str | None = None
    outputs: msgspec.Raw
    alias: str | None = None
    arm: str | None = None
    rollout_id: str | None = None
    rollout_revision: int | None = None
    bucket: float | None = None
    caller: str = ""
    reference: str | None = None
    request_id: str | None = None
    warnings: list[dict[str, Any]] | None = None
    not_kept: dict[str, str] | None = None
    idempotency_key: str | None = None
    body_digest: str | None = None
    worker: str | None = None
    explanation_text: msgspec.Raw | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="explanation")

    @property
    def explanation(self) -> msgspec.Raw | None:
        """What the family said of the answer, as it is kept; None if nobody asked."""
        return None if self.explanation_text is msgspec.UNSET else self.explanation_text

    def inputs_text(self) -> msgspec.Raw:
        """The inputs as JSON text, which is made anew of a block each time. Raises NotSupported for a damaged one."""
        if self.inputs is not msgspec.UNSET:
            return self.inputs
        try:
            block = read_block(self.inputs_block or b"", self.encoding or "")
            if block.n != self.n:
                raise Damaged(f"it has {block.n:,} instances, and the prediction {self.n:,}")
            return msgspec.Raw(block_json(block))
        except Damaged as error:
            raise NotSupported(f"The inputs of prediction {self.id} cannot be read: {error}.") from error


class BlockRecord(PredictionRecord, tag=2):
    """One whose inputs are many, and so in a column block: `inputs_block`, in the encoding `encoding`."""

    v: ClassVar[int] = 2


# The newest format that is read here.
NEWEST = BlockRecord.v


class Glimpse(msgspec.Struct):
    """The two fields that a record of any format has, and that a broken one may still have."""

    v: int = 0
    id: str = ""


COLUMNS = tuple(name for name in PredictionRecord.__struct_fields__ if name != "explanation_text")
ROW_COLUMNS = (*COLUMNS, "format")

_CREATED_AT, _INPUTS, _BLOCK, _ENCODING = map(COLUMNS.index, ("created_at", "inputs", "inputs_block", "encoding"))
_fields = attrgetter(*COLUMNS)

encode = msgspec.json.Encoder().encode
decode: Callable[[bytes], PredictionRecord] = msgspec.json.Decoder(PredictionRecord | BlockRecord).decode
glimpse = msgspec.json.Decoder(Glimpse).decode


def payload_head(prediction_id: str, head: bytes = HEADS[0]) -> bytes:
    """The bytes with which the payload of this id begins in the format of that head."""
    return head + prediction_id.encode() + b'"'


def created_at(record: PredictionRecord) -> datetime:
    return _EPOCH + timedelta(microseconds=record.created_at)


def values(record: PredictionRecord, *, deflate: bool = True) -> list[Any]:
    """The values of `ROW_COLUMNS` for an insert into table `predictions`.

    With `deflate` a block is made smaller, where that is worth its time.
    """
    found = list(_fields(record))
    if record.inputs_block is not None:
        found[_INPUTS] = None
        if deflate:
            found[_BLOCK], found[_ENCODING] = deflated(record.inputs_block, record.encoding or "")
    found[_CREATED_AT] = _time_text(record.created_at)
    found.append(record.v)
    return found


def _time_text(microseconds: int) -> str:
    """The text that `UtcTime` keeps; at a fifth of the cost of a datetime and its text. Raises OverflowError."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second_text(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=16)
def _second_text(seconds: int) -> str:
    """Of records that are shipped together, most were made in the same few seconds."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:-6]


def with_text(record: PredictionRecord) -> PredictionRecord:
    """The same prediction with its inputs as JSON text. Raises NotSupported for a damaged block."""
    if record.inputs is not msgspec.UNSET:
        return record
    return replace(record, inputs=record.inputs_text(), inputs_block=None, encoding=None)


def kept_size(record: PredictionRecord) -> int:
    """How many bytes the inputs and outputs have as they are held now."""
    inputs = len(record.inputs_block or b"") if record.inputs is msgspec.UNSET else memoryview(record.inputs).nbytes
    return inputs + memoryview(record.outputs).nbytes


def from_row(values: dict[str, Any]) -> PredictionRecord:
    """The record that a row of table `predictions` holds; columns that a record does not have are left aside."""
    fields = {name: values[name] for name in COLUMNS}
    fields["created_at"] = (values["created_at"] - _EPOCH) // timedelta(microseconds=1)
    if fields["inputs"] is not None:
        return PredictionRecord(**fields)
    return BlockRecord(**{**fields, "inputs": msgspec.UNSET, "inputs_block": bytes(fields["inputs_block"] or b"")})
