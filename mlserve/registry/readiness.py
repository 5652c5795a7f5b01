"""Whether this process answers for its models, as `/health/ready` tells it."""

from typing import Any

from mlserve.application import Application
from mlserve.observability.health import Degraded
from mlserve.registry.swapping import aliases_not_enabled


def check_models(application: Application) -> dict[str, Any]:
    """Each model's state, what has failed, and since when the registry could not be asked.

    Raises RuntimeError with the same while a model that the INI declares cannot answer, or none can: whoever may only
    deploy another model takes no server out of its balancer. Raises Degraded while a model or a version cannot answer,
    or an alias is of a family that is not enabled here.
    """
    models = list(application.live)
    detail: dict[str, Any] = {"models": {model.name: model.state for model in models}}
    failed = {
        model.name: {str(number): status.state for number, status in model.statuses.items() if status.state == "failed"}
        for model in models
    }
    if failed := {name: versions for name, versions in failed.items() if versions}:
        detail["versions"] = failed
    if not_enabled := aliases_not_enabled(application, application.registry.registered):
        detail["not_enabled"] = not_enabled
    if application.stale_since is not None:
        detail["stale_since"] = application.stale_since
    mute = {model.name for model in models if model.state in ("failed", "loading")}
    if mute and (len(mute) == len(models) or not mute.isdisjoint(application.settings.model_names)):
        raise RuntimeError(detail)
    if mute or len(detail) > 1:
        raise Degraded(detail)
    return detail
