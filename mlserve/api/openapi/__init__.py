"""`openapi.json`: what every live model takes and answers, in one document made of the resources' operations."""

from pyramid.config import Configurator

from mlserve.api.context import ApiContext, ModelContext
from mlserve.api.cornice import add_resource
from mlserve.api.openapi.resources import Documents, ModelOpenApiResource, OpenApiResource
from mlserve.api.resources import Resource

# The document of all models.
DOCUMENT = "/api/v1/openapi.json"
# The document of one model, under `/api/v1/models/{model}`.
OF_EACH_MODEL: dict[str, tuple[str, type[Resource]]] = {"model.openapi": ("/openapi.json", ModelOpenApiResource)}


def includeme(config: Configurator) -> None:
    config.registry.mlserve.documents = Documents(config.registry)
    add_resource(config, "openapi", DOCUMENT, OpenApiResource, factory=ApiContext)
    for name, (suffix, resource) in OF_EACH_MODEL.items():
        add_resource(config, name, "/api/v1/models/{model}" + suffix, resource, factory=ModelContext)
