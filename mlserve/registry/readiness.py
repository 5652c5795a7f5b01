"""Whether this process answers for its models, as `/health/ready` tells it."""

from typing import Any

from mlserve.application import Application
from mlserve.inference import LiveModel
from mlserve.names import CHAMPION
from mlserve.observability.health import Degraded
from mlserve.registry.setting_checks import models_of, told
from mlserve.registry.swapping import aliases_not_enabled


def check_models(application: Application) -> dict[str, Any]:
    """Each model's state, what has failed, and since when the registry could not be asked.

    What settings of plugins say of models that are not so is told too.

    Raises RuntimeError with the same while a model that the INI declares cannot answer, or none can: whoever may only
    deploy another model takes no server out of its balancer, and neither does a plugin that fails, nor a model that
    takes too long to load. Raises Degraded while a model or a version cannot answer, an alias is of a family that is
    not enabled here, or a setting names no model.
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
    if application.faults.not_as_declared:
        detail["not_as_declared"] = sorted(application.faults.not_as_declared)
    if application.setting_checks and (wrong := told(application, models_of(application))):
        detail["settings"] = wrong
    mute = {model.name for model in models if model.state in ("failed", "loading")}
    alone = {model.name for model in models if _is_alone(application, model)}
    if mute and (len(mute) == len(models) or not (mute - alone).isdisjoint(application.settings.model_names)):
        raise RuntimeError(detail)
    if mute or len(detail) > 1:
        raise Degraded(detail)
    return detail


def _is_alone(application: Application, model: LiveModel) -> bool:
    """Whether what keeps a model from answering is a plugin's fault, or its own slowness, and concerns no other."""
    if model.name in application.faults.not_as_declared or application.families.has_failed(model.family):
        return True
    status = model.statuses.get(model.named.get(CHAMPION, 0))
    return status is not None and status.state == "loading" and status.reason != ""
