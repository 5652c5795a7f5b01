"""The HTTP edge: what is true of every request, whatever it asks for."""

from pyramid.config import Configurator
from pyramid.tweens import EXCVIEW, INGRESS


def includeme(config: Configurator) -> None:
    config.add_tween("mlserve.api.tween.request_tween", under=INGRESS, over=EXCVIEW)
    config.add_renderer("mlserve", "mlserve.api.renderer.JsonRenderer")
    config.add_route_predicate("family", "mlserve.api.context.FamilyPredicate")
    config.add_view_predicate("mlserve_owns", "mlserve.api.problems.OwnsPredicate")
    config.add_traverser("mlserve.api.context.ContextItself", "mlserve.api.context.ApiContext")
    config.include("mlserve.api.problems")
    config.include("mlserve.api.shortcuts")
