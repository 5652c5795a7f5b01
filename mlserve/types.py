"""Typed names of what Pyramid hands around: the request and the registry of an mlserve application."""

from typing import TYPE_CHECKING, Any

from cornice.errors import Errors
from cornice.util import current_service
from pyramid.decorator import reify
from pyramid.request import Request as PyramidRequest

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
        return application_of(self).serving

    @reify
    def request_id(self) -> str:
        return str(self.environ["mlserve.request_id"])

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


ATTRIBUTES = ("mlserve", "serving", "request_id", "errors", "info", "validated", "current_service")


def application_of(request: Any) -> "Application":
    """What mlserve owns in this process, from any Pyramid request or event."""
    application: Application = request.registry.mlserve
    return application
