"""The security policy of an application that is mlserve alone: keys for programs, sessions for people."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pyramid.security import Allowed, Denied

from mlserve.api.negotiation import comes_from_elsewhere
from mlserve.auth.guard import PREFIX, Asked
from mlserve.auth.identity import Identity, refusal
from mlserve.auth.key_text import read_key
from mlserve.auth.refusals import Refusal
from mlserve.auth.roles import ADMIN, NEEDS
from mlserve.auth.sessions import COOKIE, cookie_header
from mlserve.errors import Forbidden, MlserveError, RateLimited, Unauthenticated
from mlserve.types import application_of

if TYPE_CHECKING:
    from mlserve.auth.access import Access

_IDENTITY: Final = "mlserve.identity"
_SAFE = ("GET", "HEAD")

NO_KEY: Final = "Send a key: Authorization: Bearer mls_…, or X-API-Key: mls_…"
BAD_KEY: Final = "This key is not known here, or it has expired or was revoked."
NO_SESSION: Final = "Log in first: there is no session, or it has ended."
ELSEWHERE: Final = "A session changes nothing from a page of another site."


class Policy:
    """Pyramid's ISecurityPolicy. `access` is what it knows; it is there from the application's start on."""

    access: "Access"

    def __init__(self) -> None:
        # Whether a browser that sends this without a session is shown the form of the login; the pages know.
        self.shows_login: Callable[[Any], bool] = lambda request: False

    def identity(self, request: Any) -> Identity | None:
        """Who asks; None for nobody that is known. Worked out once a request."""
        found: Identity | str = request.environ.get(_IDENTITY) or self._identify(request)
        return found if isinstance(found, Identity) else None

    def authenticated_userid(self, request: Any) -> str | None:
        identity = self.identity(request)
        return None if identity is None else identity.caller

    def permits(self, request: Any, context: Any, permission: str) -> Allowed | Denied:
        """For views that name a permission: `mlserve:predict` and so on; any other is the administrators'."""
        identity = self.identity(request)
        if identity is None:
            return Denied(str(request.environ[_IDENTITY]))
        needs = permission.removeprefix(PREFIX)
        asked = context if isinstance(context, Asked) else Asked((request.matchdict or {}).get("model"))
        why = refusal(identity, needs if needs in NEEDS else ADMIN, asked.model, lists=asked.lists)
        return Denied(why) if why is not None else Allowed("%s", identity.caller)

    def remember(self, request: Any, userid: str, **kw: Any) -> list[tuple[str, str]]:
        """The cookie of a session that begins; `userid` is the user's name, `generation` that of the password."""
        return [cookie_header(request, self.access.sessions.begin(userid, kw["generation"]))]

    def forget(self, request: Any, **kw: Any) -> list[tuple[str, str]]:
        return [cookie_header(request, None)]

    def admit(self, request: Any, needs: str, asked: Asked) -> Identity:
        """Who asks, if they may. Raises Unauthenticated, Forbidden, RateLimited."""
        identity = self.identity(request)
        if identity is None:
            unknown = Unauthenticated(str(request.environ[_IDENTITY]))
            raise unknown if self._is_visit(request) else self._refused(request, unknown, asked, needs)
        if (why := refusal(identity, needs, asked.model, lists=asked.lists)) is not None:
            raise self._refused(request, Forbidden(why), asked, needs, identity)
        access = self.access
        if identity.kind == "key":
            access.directory.used(identity.id)
        if access.rates is not None:
            self._take(request, identity, asked, needs)
        return identity

    def of_key(self, environ: dict[str, Any]) -> Identity | None:
        """Whose key a request has; None where it has none that works now. Needs a started application."""
        given = read_key(_key_of(environ) or "")
        identity = None if given is None else self.access.directory.key(given.digest)
        return identity if identity is not None and given is not None and identity.id == given.id else None

    def _identify(self, request: Any) -> Identity | str:
        environ = request.environ
        # A view of the application around us may ask before any request of ours has started us.
        application_of(request).start_if_due()
        found: Identity | str
        found = self._of_session(request) if _key_of(environ) is None else self.of_key(environ) or BAD_KEY
        environ[_IDENTITY] = found
        return found

    def _of_session(self, request: Any) -> Identity | str:
        environ = request.environ
        try:
            value = request.cookies.get(COOKIE) if "HTTP_COOKIE" in environ else None
        except UnicodeDecodeError:  # Of any cookie: they are read as one.
            return NO_SESSION
        if not value:
            return NO_KEY
        session = self.access.sessions.read(value)
        identity = None if session is None else self.access.directory.user(session.user, session.generation)
        if session is None or identity is None:
            return NO_SESSION
        if environ["REQUEST_METHOD"] not in _SAFE and not _from_here(environ):
            return ELSEWHERE
        if (renewed := self.access.sessions.renewed(session)) is not None:
            header = cookie_header(request, renewed)
            request.add_response_callback(lambda request, response: _set_unless_set(response, header))
        return identity

    def _is_visit(self, request: Any) -> bool:
        """Whether somebody opens a page and has yet to log in, which is no refusal. To try a key is no visit."""
        environ = request.environ
        return environ["REQUEST_METHOD"] in _SAFE and _key_of(environ) is None and self.shows_login(request)

    def _take(self, request: Any, identity: Identity, asked: Asked, needs: str) -> None:
        rates = self.access.rates
        assert rates is not None
        taken = rates.take(identity.caller)
        headers = rates.headers(taken)
        request.add_response_callback(lambda request, response: response.headerlist.extend(headers))
        if taken.wait:
            detail = f"{identity.name} asks more often than mlserve.auth.rate allows."
            raise self._refused(request, RateLimited(detail, retry_after=taken.wait), asked, needs, identity)

    def _refused(
        self, request: Any, error: MlserveError, asked: Asked, needs: str, identity: Identity | None = None
    ) -> MlserveError:
        """The error, noted. Paths stay out of it: whoever is refused could write into them what they like."""
        environ = request.environ
        address = environ.get("REMOTE_ADDR", "")
        route = request.matched_route
        told = {
            "code": error.code,
            "needs": needs,
            "method": environ["REQUEST_METHOD"][:16],
            "route": None if route is None else route.pattern,
            "address": address,
        }
        actor = f"address:{address}" if identity is None else identity.caller
        model = asked.model if asked.model in {live.name for live in request.registry.mlserve.live} else None
        note = Refusal(actor, error.detail, model, told, environ.get("mlserve.request_id"), datetime.now(UTC))
        self.access.refusals.note(note)
        return error


def _key_of(environ: dict[str, Any]) -> str | None:
    """What stands where a key stands; None where nothing does. Another scheme than Bearer is a proxy's business."""
    authorization: str | None = environ.get("HTTP_AUTHORIZATION")
    if authorization is not None:
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return text.strip()
    return environ.get("HTTP_X_API_KEY")


def _from_here(environ: dict[str, Any]) -> bool:
    """Whether a browser says that a page of ours sends this. A cookie alone proves nothing, and a program has a key."""
    told = "HTTP_SEC_FETCH_SITE" in environ or "HTTP_ORIGIN" in environ
    return told and not comes_from_elsewhere(environ)


def _set_unless_set(response: Any, header: tuple[str, str]) -> None:
    """Logging in and out have their own cookie."""
    if not any(name == "Set-Cookie" and value.startswith(f"{COOKIE}=") for name, value in response.headerlist):
        response.headerlist.append(header)
