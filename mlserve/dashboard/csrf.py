"""The token of the pages' form: Pyramid's double submit cookie, asked by itself.

The policy is not registered with Pyramid: inside another application that place is the host's, and may need a session.
"""

from typing import Any

from pyramid.csrf import CookieCSRFStoragePolicy

from mlserve.api.negotiation import comes_from_elsewhere
from mlserve.errors import Unreadable
from mlserve.types import application_of

COOKIE = "mlserve_csrf"
FIELD = "csrf_token"


def token(request: Any) -> str:
    """The token that this browser's forms carry; a browser without one is given one with the answer."""
    found: str = _policy(request).get_csrf_token(request)
    return found


def renew(request: Any) -> None:
    """Give this browser another token: one that somebody has set before a login must not be known to them after it."""
    _policy(request).new_csrf_token(request)


def check(request: Any, given: str) -> None:
    """Raise Unreadable for a form that this server has not given to this browser.

    The cookie alone would not do: a site at another port or subdomain can set one.
    """
    if comes_from_elsewhere(request.environ):
        raise Unreadable("This form was sent from a page of another site.")
    if not _policy(request).check_csrf_token(request, given):
        raise Unreadable(
            "This form does not carry this browser's token: it is from an older visit, or the browser refuses cookies. "
            "Load the page again."
        )


def _policy(request: Any) -> CookieCSRFStoragePolicy:
    """Raises Unreadable for cookies that cannot be read: that policy would fail at them."""
    try:
        request.cookies.get(COOKIE)
    except UnicodeDecodeError as error:
        raise Unreadable("This browser sends a cookie that is not UTF-8: remove its cookies of this site.") from error
    prefix = application_of(request).route_prefix
    return CookieCSRFStoragePolicy(
        cookie_name=COOKIE,
        httponly=True,
        samesite="Strict",
        secure=request.scheme == "https",
        path=f"{request.script_name}/{prefix}",
    )
