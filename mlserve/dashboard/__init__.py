"""The pages: models, a form to try each, the predictions that were kept. Server-rendered; JavaScript only adds to them.

Inside another application they stand below its route prefix for mlserve. Without one they are left out: `/` is theirs.
Where they are left out, nothing of them is loaded, the template language neither.
"""

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    if application.settings["mlserve.dashboard.enabled"] and (application.alone or application.route_prefix):
        config.include("mlserve.dashboard.routes")
