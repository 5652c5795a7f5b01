"""The last routes: what a model's address answers when no family's resource did."""

from difflib import get_close_matches
from typing import Any, Final

from pyramid.config import Configurator
from pyramid.interfaces import IRoutesMapper

from mlserve.api.context import ModelContext
from mlserve.api.negotiation import PROBLEM
from mlserve.api.problems import NoSuchResource
from mlserve.auth.guard import guarded
from mlserve.types import application_of

# Below it lie the resources of a model.
OF_MODEL: Final = "api/v1/models/{model}/"


def includeme(config: Configurator) -> None:
    config.add_route("mlserve.last", f"/{OF_MODEL}{{rest:.*}}", factory=guarded(LastContext, {}))
    config.add_view(nothing_here, route_name="mlserve.last", require_csrf=False)


class LastContext(ModelContext):
    """The model of the path. The answer is a problem, whatever the caller takes. Raises ModelUnknown."""

    def __init__(self, request: Any) -> None:
        self.media_type = PROBLEM
        self.model = application_of(request).live.get(request.matchdict["model"])


def nothing_here(context: ModelContext, request: Any) -> Any:
    """An unknown model has raised its own problem in the factory; a known one has no such resource.

    One whose family is not here, because a plugin has failed, would have it. Raises ModelNotReady.
    """
    families = application_of(request).families
    missing = not context.model.family or families.has_failed(context.model.family)
    if missing and context.model.champion is None:
        raise context.model.not_ready
    near = _near(request, context.model.family)
    raise NoSuchResource(f"Model {context.model.name}, of family {context.model.family}, has no such resource{near}")


def _near(request: Any, family: str) -> str:
    """The end of the sentence: what a resource of such a model is called that was meant, perhaps."""
    foreign = tuple(f"{owner}.{name}" for owner, name in application_of(request).model_resources if owner != family)
    routes = request.registry.getUtility(IRoutesMapper).get_routes()
    paths = [route.pattern.partition(OF_MODEL)[2] for route in routes if not route.name.startswith(foreign)]
    names = {path.partition("/")[0] for path in paths}
    asked = request.matchdict["rest"].partition("/")[0]
    near = get_close_matches(asked, [name for name in names if name != asked and not name.startswith("{")], 1)
    return f"; did you mean {near[0]!r}?" if near else "."
