"""How large the body of a request may be: a bundle is far larger than what anybody else sends."""

import copy
import re
from typing import TYPE_CHECKING, Any

from pyramid.interfaces import ISecurityPolicy
from waitress.adjustments import Adjustments

from mlserve.auth.guard import own_policy
from mlserve.auth.identity import refusal
from mlserve.auth.roles import OPERATE
from mlserve.names import MODEL_NAME

if TYPE_CHECKING:
    from mlserve.application import Application


class Registrations:
    """The adjustments for requests that register a version; whoever may not register one gets the usual ones.

    waitress takes a body onto its disk before anybody is asked who they are, so they are asked here.
    """

    def __init__(self, registry: Any, adj: Adjustments) -> None:
        self._application: Application = registry.mlserve
        self._registry = registry
        self._path = re.compile(re.escape(adj.url_prefix) + rf"/api/v1/models/({MODEL_NAME.pattern})/versions")
        self._adj = copy.copy(adj)
        # What is larger by less than any other body may be is refused by mlserve, with a problem.
        self._adj.max_request_body_size += self._application.settings["mlserve.limits.bundle"]

    @classmethod
    def of(cls, app: Any, adj: Adjustments) -> "Registrations | None":
        """None for what is not mlserve alone: its paths and its callers are not known here."""
        registry = getattr(app, "registry", None)
        application: Application | None = getattr(registry, "mlserve", None)
        return cls(registry, adj) if application is not None and application.alone else None

    def adjustments(self, request: Any) -> Adjustments:
        """Those for a request whose head has been read."""
        found = self._path.fullmatch(request.path) if request.command == "POST" else None
        return self._adj if found is not None and self._may_register(request.headers, found[1]) else request.adj

    def _may_register(self, headers: dict[str, str], model: str) -> bool:
        policy = own_policy(self._registry)
        if policy is None:
            return self._registry.queryUtility(ISecurityPolicy) is None
        if not self._application.started:
            return False
        identity = policy.of_key({f"HTTP_{name}": value for name, value in headers.items()})
        return identity is not None and refusal(identity, OPERATE, model, lists=False) is None
