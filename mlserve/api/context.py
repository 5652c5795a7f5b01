"""The context of a model's resources: the model that the path names."""

from typing import Any

from mlserve.api.negotiation import JSON, negotiate
from mlserve.inference import LiveModel
from mlserve.types import application_of


class ApiContext:
    """The context of every resource under `/api/v1`; `media_type` is the one of its offers that the caller takes.

    Raises NotAcceptable.
    """

    def __init__(self, request: Any, offers: tuple[str, ...] = (JSON,)) -> None:
        self.media_type = negotiate(request.environ, offers)


class ModelContext(ApiContext):
    """`model` is the live model of the path. Raises ModelUnknown."""

    def __init__(self, request: Any, offers: tuple[str, ...] = (JSON,)) -> None:
        super().__init__(request, offers)
        self.model: LiveModel = application_of(request).live.get(request.matchdict["model"])


class ContextItself:
    """Traverser of our contexts: the factory has found the resource, so there is no tree to walk."""

    def __init__(self, context: ApiContext) -> None:
        self.context = context

    def __call__(self, request: Any) -> dict[str, Any]:
        return {
            "context": self.context,
            "root": self.context,
            "virtual_root": self.context,
            "view_name": "",
            "subpath": (),
            "traversed": (),
            "virtual_root_path": (),
        }


class FamilyPredicate:
    """Route predicate `family=`: the model of the path is, right now, of that family."""

    def __init__(self, family: str, config: Any) -> None:
        self.family = family
        self.live = config.registry.mlserve.live

    def text(self) -> str:
        return f"family = {self.family}"

    phash = text

    def __call__(self, info: Any, request: Any) -> bool:
        return bool(self.live.family_of(info["match"]["model"]) == self.family)
