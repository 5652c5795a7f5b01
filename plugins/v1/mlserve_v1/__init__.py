"""The REST protocol V1 of TensorFlow Serving and of KServe, over the core's predictions."""

from typing import Any

from pyramid.config import Configurator

from mlserve.auth.guard import Need, guarded
from mlserve_v1.alive import AliveContext, KServePredicate, alive
from mlserve_v1.failures import write_problem
from mlserve_v1.resources import Explain, Metadata, Models, NoOther, Predict, Status

MLSERVE_API = (1, 1)

# How a path names what answers: the alias champion, a version, or an alias, which V1 calls a label.
WAYS = {"": "", "version.": "/versions/{version:[^/:]+}", "label.": "/labels/{alias:[^/:]+}"}
MODEL = "/v1/models/{model:[^/:]+}"


def includeme(config: Configurator) -> None:
    config.add_protocol("v1", "/v1", write_problem)
    config.add_protocol_resource("v1.models", "/v1/models", Models)
    for way, path in WAYS.items():
        resources: dict[str, tuple[str, Any]] = {
            "predict": (":predict", Predict),
            "explain": (":explain", Explain),
            "classify": (":{verb:classify|regress}", NoOther),
            "metadata": ("/metadata", Metadata),
            "status": ("", Status),
        }
        for name, (suffix, resource) in resources.items():
            config.add_protocol_resource(f"v1.{way}{name}", f"{MODEL}{path}{suffix}", resource)
    config.add_route_predicate("mlserve_v1_kserve", KServePredicate)
    config.add_route("v1.alive", "/", mlserve_v1_kserve=True, factory=guarded(AliveContext, Need("none")))
    config.add_view(alive, route_name="v1.alive", require_csrf=False)
