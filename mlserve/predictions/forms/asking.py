"""Which table a request's body is, and how it is decoded."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import colander

from mlserve.api.inflating import read_inflated
from mlserve.api.negotiation import media_type_of, media_type_sent
from mlserve.api.query import read_query
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.predictions.envelope import misreference
from mlserve.predictions.forms import ARROW, CSV
from mlserve.predictions.forms.arrow import decode_arrow
from mlserve.predictions.forms.csv_reading import decode_csv
from mlserve.signature import Batch

TABLES: Final = (ARROW, CSV)


def _short_reference(node: colander.SchemaNode, text: str) -> None:
    if (problem := misreference(text)) is not None:
        raise colander.Invalid(node, problem.expected)


class _Truth(colander.Boolean):
    """`true` or `false`, and nothing else."""

    def __init__(self) -> None:
        super().__init__(false_choices=("false",), true_choices=("true",))


# What JSON has beside the instances, and a table has no place for.
TableQuery = colander.SchemaNode(
    colander.Mapping(unknown="ignore"),
    colander.SchemaNode(colander.String(), name="reference", missing=None, validator=_short_reference),
    colander.SchemaNode(_Truth(), name="explain", missing=False),
)
_NOTHING_BESIDE: Final[dict[str, Any]] = TableQuery.deserialize({})


class TableBody(NamedTuple):
    """A body that is a table: `decode` makes the Batch of the version that is to answer."""

    body: bytes
    decode: Callable[[LoadedVersion], Batch]
    query: str
    reference: str | None
    explain: bool

    def identity(self) -> bytes:
        """What is the same for the same request."""
        return self.query.encode() + b"\n" + self.body


def table_sent(environ: dict[str, Any], limits: Limits) -> TableBody | None:
    """The table that the body says it is, None where it says something else; its Content-Encoding is undone.

    Raises UnsupportedMediaType, TooLarge, LengthRequired, Unreadable.
    """
    if media_type_of(environ) not in TABLES:
        return None
    media_type = media_type_sent(environ, TABLES)
    query = environ.get("QUERY_STRING", "")
    beside = read_query(environ, TableQuery) if query else _NOTHING_BESIDE
    body = read_inflated(environ, limits.body, open_ended=media_type == CSV)
    decode = (
        partial(decode_arrow, body=body, most=limits.body) if media_type == ARROW else partial(decode_csv, body=body)
    )
    return TableBody(body, decode, query, beside["reference"], beside["explain"])
