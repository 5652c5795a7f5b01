"""`mlserve routes`: the REST resources of each declared model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from mlserve.api.cornice import VERBS
from mlserve.api.resources import Resource
from mlserve.application import Application
from mlserve.cli.ini import built, ini_argument
from mlserve.cli.output import print_table
from mlserve.predictions.wiring import RESOURCES
from mlserve.registry.declared import family_of
from mlserve.registry.resources import OneModelResource
from mlserve.registry.wiring import RESOURCES as REGISTRY

# Instead of a model, of an address that is each one's, or the server's.
ANY: Final = "any"


@click.command()
@ini_argument
def routes(ini: Path) -> None:
    """List each declared model's resources, its own address first, and then those of the protocols.

    Pyramid's `proutes` lists the application's routes.
    """
    rows = []
    with built(ini) as application:
        for name, path in application.settings.models.items():
            family = family_of(application, name, path).name
            for route, suffix, resource in _resources(application, family):
                rows.append((name, _verbs(resource), f"/api/v1/models/{name}{suffix}", route))
        for route, (pattern, resource) in sorted(application.protocol_resources.items()):
            rows.append((ANY, _verbs(resource), pattern, route))
    print_table(("model", "verbs", "path", "resource"), rows)


def _resources(application: Application, family: str) -> Iterator[tuple[str, str, type[Resource]]]:
    yield "model", "", OneModelResource
    for (owner, name), resource in sorted(application.model_resources.items()):
        if owner == family:
            yield f"{family}.{name}", f"/{name}", resource
    for route, (suffix, core_resource) in {**RESOURCES, **REGISTRY}.items():
        yield route, suffix, core_resource


def _verbs(resource: type[Resource]) -> str:
    return " ".join(verb.upper() for verb in VERBS if hasattr(resource, verb))
