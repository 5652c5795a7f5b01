"""The context of a model's resources: the model that the path names."""

from typing import Any

from mlserve.api.negotiation import require_json_accepted
from mlserve.inference import LiveModel
from mlserve.types import application_of


class ApiContext:
    """The context of every resource under `/api/v1`: the answer is JSON, so the caller must take JSON."""

    def __init__(self, request: Any) -> None:
        require_json_accepted(request.environ)


class ModelContext(ApiContext):
    """`model` is the live model of the path. Raises ModelUnknown."""

    def __init__(self, request: Any) -> None:
        super().__init__(request)
        self.model: LiveModel = application_of(request).live.get(request.matchdict["model"])


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
