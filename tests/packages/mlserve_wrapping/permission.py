"""Who says that they are `good` may see; the others may not."""

from typing import Any

from pyramid.config import Configurator
from pyramid.security import Allowed, Denied


class _Policy:
    def identity(self, request: Any) -> str | None:
        return self.authenticated_userid(request)

    def authenticated_userid(self, request: Any) -> str | None:
        return str(request.headers.get("X-User"))

    def permits(self, request: Any, context: Any, permission: str) -> Allowed | Denied:
        is_good = self.authenticated_userid(request) == "good" or permission != "see"
        return Allowed("good") if is_good else Denied("not good")

    def remember(self, request: Any, userid: str, **kw: Any) -> list[tuple[str, str]]:
        return []

    def forget(self, request: Any, **kw: Any) -> list[tuple[str, str]]:
        return []


def includeme(config: Configurator) -> None:
    config.set_security_policy(_Policy())
    config.set_default_permission("see")
