"""What a verb of a REST resource takes and answers: declared beside the resource, read by the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import colander

from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits

Schema = Mapping[str, Any]
SchemaOf = Callable[[LoadedVersion, Limits], Schema]


@dataclass(frozen=True)
class Operation:
    """One verb. A schema is JSON Schema (2020-12), or a function that makes it for the version that answers."""

    summary: str
    answer: Schema | SchemaOf  # of the 200's JSON
    body: Schema | SchemaOf | None = None
    example: Callable[[LoadedVersion], Any] | None = None  # a body that works as it stands
    query: colander.SchemaNode | None = None
    headers: Mapping[str, Schema] = field(default_factory=dict)  # of the request, by name
    problems: tuple[str, ...] = ()  # the codes that it can answer, beside those that every address can
    media: Mapping[str, Schema] = field(default_factory=dict)  # the schemas of its other media types
