"""Reads a query string with a Colander schema: unknown, repeated and malformed parameters are refused by name."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import colander

from mlserve.errors import Problem, Unreadable
from mlserve.ids import CANONICAL
from mlserve.signature.faults import got

# A query string with more parameters than this is no question about predictions.
MOST_PARAMETERS = 100


# How many entries a page of a list has, unless the caller says so, and at most.
PAGE = 50
LONGEST_PAGE = 1000


def page_nodes(
    limit: str, cursor: colander.SchemaType, validator: Callable[[colander.SchemaNode, Any], None]
) -> tuple[colander.SchemaNode, colander.SchemaNode]:
    """What every list that is read a page at a time is asked with; `limit` describes that parameter."""
    return (
        colander.SchemaNode(
            colander.Int(), name="limit", missing=PAGE, validator=colander.Range(1, LONGEST_PAGE), description=limit
        ),
        colander.SchemaNode(
            cursor, name="cursor", missing=None, validator=validator, description="The `next` of the page before."
        ),
    )


def id_page_nodes(limit: str) -> tuple[colander.SchemaNode, colander.SchemaNode]:
    """`page_nodes` of a list whose entries have ids of ours."""
    return page_nodes(
        limit, colander.String(), colander.Regex(rf"^{CANONICAL.pattern}\Z", "the `next` of an earlier page")
    )


def read_query(environ: dict[str, Any], schema: colander.SchemaNode) -> dict[str, Any]:
    """The parameters of the request by name. Raises Unreadable with a problem for each bad one."""
    try:
        pairs = parse_qsl(
            environ.get("QUERY_STRING", ""), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError as error:  # UnicodeDecodeError is one.
        raise Unreadable("The query string cannot be read: it is not UTF-8, or has too many parameters.") from error
    given = dict(pairs)
    problems = list(_misnamed(pairs, schema))
    try:
        values: dict[str, Any] = schema.deserialize({name: text for name, text in given.items() if name in schema})
    except colander.Invalid as error:
        problems += [
            Problem("invalid", _expected(schema[name], str(message)), got(given.get(name, "")), field=name)
            for name, message in error.asdict().items()
        ]
    if problems:
        raise Unreadable("The query string has a problem.", problems=problems)
    return values


def _expected(node: colander.SchemaNode, message: str) -> str:
    """What the parameter should be; of numbers, truth values and times, Colander's message says what it is not."""
    if isinstance(node.typ, colander.Integer):
        return "a whole number" + _range(node.validator)
    if isinstance(node.typ, colander.Boolean):
        return f"{node.typ.true_choices[0]} or {node.typ.false_choices[0]}"
    return "an RFC 3339 time such as 2026-11-22T18:30:00Z" if message == colander.DateTime.err_template else message


def _range(validator: Any) -> str:
    if not isinstance(validator, colander.Range):
        return ""
    least, most = (None if bound is None else f"{bound:,}" for bound in (validator.min, validator.max))
    if most is None:
        return f" from {least}"
    return f" up to {most}" if least is None else f" from {least} to {most}"


def _misnamed(pairs: list[tuple[str, str]], schema: colander.SchemaNode) -> Iterator[Problem]:
    for name, times in Counter(name for name, _ in pairs).items():
        if name not in schema:
            known = ", ".join(node.name for node in schema)
            yield Problem("unknown_parameter", f"one of {known}", got(name), field=_short(name))
        if times > 1:
            yield Problem("repeated", "the parameter once", f"{times} times", field=_short(name))


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:59] + "…"
