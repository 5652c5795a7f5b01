"""Puts the policy in place, where the INI asks for keys; the application around us may have one of its own."""

from functools import partial
from typing import Any

from pyramid.config import Configurator
from pyramid.traversal import DefaultRootFactory

from mlserve.application import Application
from mlserve.auth.access import open_access
from mlserve.auth.guard import Need, admit, own_policy
from mlserve.auth.policy import Policy
from mlserve.auth.roles import needs_of_verb


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    if not application.settings["mlserve.auth.enabled"]:
        return
    application.policy = Policy()
    # Of two policies Pyramid takes that of the application that includes us.
    config.set_security_policy(application.policy)
    if application.alone:
        config.set_root_factory(_root)
    application.at_start(partial(_start, application, config.registry))


def _root(request: Any) -> Any:
    """The context of a route that has no factory, a plugin's own: as guarded as ours.

    A browser that wants to call it from another site asks with OPTIONS first, without a key.
    """
    verb = request.environ["REQUEST_METHOD"]
    if request.matched_route is not None and verb != "OPTIONS":
        admit(request, Need(needs_of_verb(verb)))
    return DefaultRootFactory(request)


def _start(application: Application, registry: Any) -> None:
    policy = own_policy(registry)
    if policy is None:
        return
    access = open_access(application.settings, application.database, application.counters)
    access.directory.start()
    application.at_stop(access.directory.stop)
    policy.access = access
