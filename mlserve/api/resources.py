"""The classes that a REST resource derives from."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar

from mlserve.api.operations import Operation
from mlserve.inference import LiveModel, LoadedVersion

if TYPE_CHECKING:
    from mlserve.types import Request


# Of a context and a request.
Direct = Callable[[Any, Any], Any]


class Resource:
    """A REST resource: a method for each verb, which returns JSON values or a Response.

    `plain` names the verbs that are plain Pyramid views on a route of their own (`NAME.VERB`), without Cornice's work
    for each request: these return a Response, nothing is rendered.
    `direct` has for a plain verb what may answer in its place: with the context and the request, the Response that the
    verb would give, or None where it is to do so itself.
    `operations` describe its verbs: the media types of each are offered to the caller, the usual one first, and
    `self.context.media_type` is the one that the caller takes. A verb that is not described answers JSON.
    """

    plain: ClassVar[frozenset[str]] = frozenset()
    direct: ClassVar[Mapping[str, Direct]] = {}
    operations: ClassVar[Mapping[str, Operation]] = {}

    def __init__(self, request: "Request", context: Any = None) -> None:
        self.request = request
        self.context = request.context if context is None else context


class ModelResource(Resource):
    """A resource that each model of one family has; `context` is the ModelContext."""

    family: ClassVar[str]

    def using_predictor(self) -> AbstractContextManager[LoadedVersion]:
        """The version that answers; its predictor is not closed while the block runs. Raises ModelNotReady."""
        model: LiveModel = self.context.model
        return model.using_predictor()
