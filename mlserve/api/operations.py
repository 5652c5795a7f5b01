"""What a verb of a REST resource takes and answers: declared beside the resource, read by the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import colander

from mlserve.api.negotiation import JSON
from mlserve.auth.roles import NEEDS
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits

NO_DATABASE: Final = "database_unavailable"  # the problem of whatever asks the database

Schema = Mapping[str, Any]
SchemaOf = Callable[[LoadedVersion, Limits], Schema]


@dataclass(frozen=True)
class Operation:
    """One verb. A schema is JSON Schema (2020-12), or a function that makes it for the version that answers.

    While no version of a model is loaded, such a function is not asked, and any JSON stands for its schema. A schema
    with `x-component: NAME`, however deep, is listed once among the model's components and referred to.
    """

    summary: str
    answer: Schema | SchemaOf | None  # of the 200's JSON; None where it has none
    body: Schema | SchemaOf | None = None
    example: Callable[[LoadedVersion], Any] | None = None  # a body that works as it stands; None: none does
    query: colander.SchemaNode | None = None  # of a node with an attribute `json_schema`, that is its schema
    headers: Mapping[str, Schema] = field(default_factory=dict)  # of the request, by name
    problems: tuple[str, ...] = ()  # the codes that it can answer, beside those that every address can
    media: Mapping[str, Schema] = field(default_factory=dict)  # the 200's schemas of its other media types
    description: str = ""
    path: Mapping[str, Schema] = field(default_factory=dict)  # of the path's own placeholders; a text unless given
    answer_headers: Mapping[str, Schema] = field(default_factory=dict)  # of the 200, by name
    answers: Mapping[int, Schema | None] = field(default_factory=dict)  # other statuses, no problems; None: empty
    takes: tuple[str, ...] = (JSON,)  # the media types of the body
    form: SchemaOf | None = None  # of the body as multipart/form-data, by its media type object; {} where it has none
    needs: str = ""  # of mlserve.auth.roles; by the verb unless given: GET needs observe, the others operate
    lists: bool = False  # of what is of no single model: it shows those models only that the caller may see
    tables: Mapping[str, Schema] = field(default_factory=dict)  # the body's schemas in media types that are no JSON

    def __post_init__(self) -> None:
        if self.needs and self.needs not in NEEDS:
            raise ValueError(f"{self.summary!r} needs {self.needs!r}, which is none of {', '.join(NEEDS)}")

    @property
    def offers(self) -> tuple[str, ...]:
        """The media types that the caller's `Accept` chooses from: JSON where it answers any, and the others."""
        return (JSON, *self.media) if self.answer is not None or not self.media else tuple(self.media)
