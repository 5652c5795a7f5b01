"""The classes that a REST resource derives from."""

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from mlserve.types import Request


class Resource:
    """A REST resource: a method for each verb, which returns JSON values or a Response.

    `plain` names the verbs that are registered as plain Pyramid views, without Cornice's work for each request.
    """

    plain: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, request: "Request", context: Any = None) -> None:
        self.request = request
        self.context = request.context if context is None else context


class ModelResource(Resource):
    """A resource that each model of one family has; `context` is the ModelContext."""

    family: ClassVar[str]
