"""The one place that lets a request in or refuses it, before anything is looked up that the path names.

Every route of mlserve makes its context through `guarded`, with what its operations need. The caller's answer is thus
401 or 403 before it could be 404, 406 or 415, which would tell what there is.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyramid.httpexceptions import HTTPForbidden
from pyramid.interfaces import ISecurityPolicy

from mlserve.auth.roles import NONE, OBSERVE, needs_of_verb
from mlserve.errors import Unauthenticated

if TYPE_CHECKING:
    from mlserve.api.operations import Operation
    from mlserve.application import Application
    from mlserve.auth.policy import Policy

# What the security policy of the application around us is asked for: `mlserve:predict`.
PREFIX: Final = "mlserve:"
_CALLER: Final = "mlserve.caller"


class Need(NamedTuple):
    """What one verb of one address needs; `lists`: it shows of all models those that the caller may see."""

    needs: str
    lists: bool = False


class Asked(NamedTuple):
    """The context of a permission: the model of the path (None: of no single one), which need not exist."""

    model: str | None
    lists: bool = False


def needs_of(operations: Mapping[str, "Operation"]) -> dict[str, Need]:
    """What each verb needs, by its name in capitals, HEAD as GET."""
    found = {
        verb.upper(): Need(operation.needs or needs_of_verb(verb), operation.lists)
        for verb, operation in operations.items()
    }
    return found if "GET" not in found else {**found, "HEAD": found["GET"]}


def guarded(factory: Callable[[Any], Any], needs: Mapping[str, Need] | Need) -> Callable[[Any], Any]:
    """The context factory of a route that first asks whether the caller may. A verb of no need has its usual one.

    Raises Unauthenticated, Forbidden, RateLimited.
    """

    def admitted(request: Any) -> Any:
        if isinstance(needs, Need):
            need: Need | None = needs
        else:
            need = needs.get(request.environ["REQUEST_METHOD"])
        admit(request, need or Need(needs_of_verb(request.environ["REQUEST_METHOD"])))
        return factory(request)

    return admitted


def own_policy(registry: Any) -> "Policy | None":
    """mlserve's own security policy, where it is the one in force: the application around us may have another."""
    application: Application = registry.mlserve
    ours = application.policy
    return ours if ours is not None and registry.queryUtility(ISecurityPolicy) is ours else None


def admit(request: Any, need: Need) -> None:
    """Let the caller in, or raise Unauthenticated, Forbidden, RateLimited; without a security policy all may all."""
    policy = request.registry.queryUtility(ISecurityPolicy)
    if policy is None:
        request.environ[_CALLER] = ""  # Nobody need look again who asks.
        return
    if need.needs == NONE:
        return
    asked = Asked((request.matchdict or {}).get("model"), need.lists)
    ours = request.registry.mlserve.policy
    if policy is ours:
        request.environ[_CALLER] = ours.admit(request, need.needs, asked).caller
        return
    if not (allowed := policy.permits(request, asked, PREFIX + need.needs)):
        if policy.authenticated_userid(request) is None:
            raise Unauthenticated("The application around mlserve knows no caller of this request.")
        raise HTTPForbidden(result=allowed)


def sees(request: Any, model: str | None, needs: str = OBSERVE) -> bool:
    """Whether lists show the caller that model; None: what is of no single model. `needs`: to whom they show it."""
    policy = request.registry.queryUtility(ISecurityPolicy)
    if policy is None:
        return True
    if policy is request.registry.mlserve.policy:
        identity = policy.identity(request)
        # Who has come as far as to a list has its role.
        return identity is not None and identity.sees(model) and (needs == OBSERVE or identity.may(needs))
    return bool(policy.permits(request, Asked(model), PREFIX + needs))


def why_not(request: Any, needs: str, model: str) -> str | None:
    """Why the caller may not do to the model what needs this role, in a sentence; None where they may."""
    policy = request.registry.queryUtility(ISecurityPolicy)
    if policy is None or (allowed := policy.permits(request, Asked(model), PREFIX + needs)):
        return None
    if policy is request.registry.mlserve.policy:
        return str(allowed.msg)
    return "The application around mlserve does not let you do this."  # Its own words may be for its operators only.


def caller_of(request: Any) -> str:
    """Who asks, as records and events say: `key:NAME`, `user:NAME`, or what the application around us calls them."""
    caller: str | None = request.environ.get(_CALLER)
    if caller is None:
        policy = request.registry.queryUtility(ISecurityPolicy)
        userid = None if policy is None else policy.authenticated_userid(request)
        caller = request.environ[_CALLER] = "" if userid is None else str(userid)
    return caller
