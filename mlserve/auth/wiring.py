"""Puts the policy in place, where the INI asks for keys; the application around us may have one of its own."""

from functools import partial
from typing import Any

from pyramid.config import Configurator
from pyramid.traversal import DefaultRootFactory

from mlserve.api.cornice import add_resource
from mlserve.api.resources import Resource
from mlserve.application import Application
from mlserve.auth.access import open_access
from mlserve.auth.caller_requests import CallersContext
from mlserve.auth.guard import Need, admit, own_policy
from mlserve.auth.key_resources import KeyResource, KeysResource
from mlserve.auth.policy import Policy
from mlserve.auth.roles import needs_of_verb
from mlserve.auth.user_resources import UserResource, UsersResource

# Under `/api/v1`. They answer whatever the INI says: where nobody is asked for a key, that this is so.
RESOURCES: dict[str, tuple[str, type[Resource]]] = {
    "keys": ("/keys", KeysResource),
    "key": ("/keys/{id}", KeyResource),
    "users": ("/users", UsersResource),
    "user": ("/users/{name}", UserResource),
}


def includeme(config: Configurator) -> None:
    application = config.registry.mlserve
    for name, (path, resource) in RESOURCES.items():
        add_resource(config, name, "/api/v1" + path, resource, factory=CallersContext)
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
