"""The classes that a REST resource derives from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from mlserve.api.operations import Operation

if TYPE_CHECKING:
    from mlserve.types import Request


class Resource:
    """A REST resource: a method for each verb, which returns JSON values or a Response.

    `plain` names the verbs that are registered as plain Pyramid views, without Cornice's work for each request.
    `offers` are the media types that it answers in, the usual one first; `self.context.media_type` is the one that
    the caller takes. `operations` describe its verbs, for OpenAPI.
    """

    plain: ClassVar[frozenset[str]] = frozenset()
    offers: ClassVar[tuple[str, ...]] = ("application/json",)
    operations: ClassVar[Mapping[str, Operation]] = {}

    def __init__(self, request: "Request", context: Any = None) -> None:
        self.request = request
        self.context = request.context if context is None else context


class ModelResource(Resource):
    """A resource that each model of one family has; `context` is the ModelContext."""

    family: ClassVar[str]
