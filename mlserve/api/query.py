"""Reads a query string with a Colander schema: unknown, repeated and malformed parameters are refused by name."""

from typing import Any
from urllib.parse import parse_qsl

import colander

from mlserve.errors import Problem, Unreadable


def read_query(environ: dict[str, Any], schema: colander.SchemaNode) -> dict[str, Any]:
    """The parameters of the request by name. Raises Unreadable with a problem for each bad one."""
    try:
        pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, errors="strict")
    except ValueError as error:  # UnicodeDecodeError is one.
        raise Unreadable("The query string cannot be read: it is not UTF-8, or has too many parameters.") from error
    given = dict(pairs)
    problems = [
        Problem("unknown_parameter", f"one of {', '.join(node.name for node in schema)}", name, field=name)
        for name in given
        if name not in schema
    ]
    repeated = {name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1}
    problems += [Problem("repeated", "the parameter once", name, field=name) for name in sorted(repeated)]
    try:
        values: dict[str, Any] = schema.deserialize({name: text for name, text in given.items() if name in schema})
    except colander.Invalid as error:
        problems += [
            Problem("invalid", str(message), given.get(name, ""), field=name)
            for name, message in error.asdict().items()
        ]
    if problems:
        raise Unreadable("The query string has a problem.", problems=problems)
    return values
