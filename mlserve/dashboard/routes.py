"""The routes of the pages, and what they are made with."""

from functools import partial

from pyramid.config import Configurator
from pyramid.settings import asbool

from mlserve.api.context import ApiContext, ModelContext
from mlserve.api.methods import only
from mlserve.auth.guard import Need, guarded
from mlserve.auth.roles import OBSERVE, PREDICT
from mlserve.dashboard import kept_views, model_views, reproduce_view
from mlserve.dashboard.contexts import HTML, OFFERS, KeptContext
from mlserve.dashboard.files import OCTETS, PICTURES
from mlserve.dashboard.page import templates

FILES = (*PICTURES, OCTETS)


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    reload = asbool(config.registry.settings.get("pyramid.reload_templates"))
    application.templates = templates(reload=reload)
    application.own_addresses.add("/", "/models/", "/predictions/")
    config.include("mlserve.dashboard.static_files")
    config.include("mlserve.dashboard.docs_page")
    config.include("mlserve.dashboard.errors")
    config.include("mlserve.dashboard.login")
    file = {"GET": kept_views.file}
    prediction = {"GET": kept_views.prediction, "POST": reproduce_view.reproduce}
    for name, path, context, offers, allowed in (
        ("models", "/", ApiContext, (HTML,), {"GET": model_views.models}),
        ("model", "/models/{model}", ModelContext, (HTML,), {"GET": model_views.model, "POST": model_views.predict}),
        ("predictions", "/models/{model}/predictions", ModelContext, OFFERS, {"GET": kept_views.predictions}),
        ("prediction", "/predictions/{id}", KeptContext, OFFERS, prediction),
        ("file", r"/predictions/{id}/inputs/{instance:\d{1,9}}/{field:\d{1,9}}", KeptContext, FILES, file),
    ):
        route = f"dashboard.{name}"
        look = Need(OBSERVE, lists=True)
        # To reproduce a prediction keeps nothing: it is one more look at it.
        needs = {"GET": look, "HEAD": look, "POST": look if name == "prediction" else Need(PREDICT)}
        config.add_route(route, path, factory=guarded(partial(context, offers=offers), needs))
        for verb, view in allowed.items():
            # The form has a token of its own (csrf.py): Pyramid's own check may be the host's, with the host's session.
            config.add_view(view, route_name=route, request_method=verb, require_csrf=False, renderer="mlserve")
        config.add_view(only(*allowed), route_name=route, require_csrf=False)
