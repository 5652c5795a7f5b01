"""Typed names of what Pyramid hands around: the request and the registry of an mlserve application."""

from typing import TYPE_CHECKING, Any

from cornice.errors import Errors
from cornice.util import current_service
from pyramid.decorator import reify
from pyramid.registry import Registry as PyramidRegistry
from pyramid.request import Request as PyramidRequest

from mlserve.auth.guard import caller_of

if TYPE_CHECKING:
    from mlserve.application import Application
    from mlserve.predictions.service import PredictionService


class Request(PyramidRequest):
    """The request of an mlserve application.

    What Pyramid's `add_request_method` would attach stands here as attributes of the class: a property added by that
    directive makes Pyramid build a new class for every request.
    """

    @reify
    def mlserve(self) -> "Application":
        return application_of(self)

    @reify
    def serving(self) -> "PredictionService":
        """Decode, predict and keep: the one service behind our own resources and every protocol plugin."""
        application = application_of(self)
        application.start_if_due()  # A view of the application around us may ask before any request of ours has.
        return application.serving

    @reify
    def request_id(self) -> str | None:
        """None for a request of the application around us."""
        identity: str | None = self.environ.get("mlserve.request_id")
        return identity

    @reify
    def caller(self) -> str:
        """Who asks, as records and events say; empty where nobody is asked."""
        return caller_of(self)

    # Cornice's views look for these three.
    @reify
    def errors(self) -> Errors:
        return Errors()

    @reify
    def info(self) -> dict[str, Any]:
        return {}

    @reify
    def validated(self) -> dict[str, Any]:
        return {}

    @reify
    def current_service(self) -> Any:
        return current_service(self)


# What a request of the application around us has too.
ATTRIBUTES = ("mlserve", "serving", "request_id", "caller")


class Registry(PyramidRegistry):
    """Pyramid's registry with what mlserve hangs on it: a name for annotations, nothing makes one."""

    mlserve: "Application"


def application_of(request: Any) -> "Application":
    """What mlserve owns in this process, from any Pyramid request or event."""
    registry: Registry = request.registry
    return registry.mlserve
