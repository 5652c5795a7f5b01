"""Making a page: the templates' environment, and the headers that every page has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined
from pyramid.response import Response
from pyramid_jinja2 import Environment, SmartAssetSpecLoader

from mlserve.api.times import time_text
from mlserve.auth.guard import own_policy
from mlserve.dashboard import csrf, present
from mlserve.types import application_of

TEMPLATES = "mlserve:dashboard/templates/"

# Everything comes from this server, and nothing that stands in a page is ever run.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
CONTENT_SECURITY_POLICY = "; ".join(f"{name} {value}" for name, value in _POLICY.items())
HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    # A form is sent with its origin, which its check needs; other sites learn nothing.
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "private, no-cache"),
    ("Vary", "Accept"),
)


def templates(*, reload: bool) -> Environment:
    """The environment of our templates, apart from any that the application around us has.

    Templates are named as assets, so that a plugin may put its own in their place by `config.override_asset`.
    """
    environment = Environment(
        loader=SmartAssetSpecLoader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=reload,
    )
    environment.filters.update(
        number=present.number,
        signed=present.signed,
        exact=present.exact,
        given=present.given,
        short=present.short,
        percent=present.percent,
        rule=present.rule,
        when=present.when,
        time=time_text,
    )
    return environment


def page(
    request: Any, template: str, *, status: int = 200, headers: Sequence[tuple[str, str]] = (), **values: Any
) -> Response:
    """The page that a template makes of the values; `template` is an asset, or the name of one of ours."""
    application = application_of(request)
    body = render(request, template, application=application, visitor=visitor(request), **values)
    return protect(Response(body, status=status, headerlist=[("Content-Type", "text/html; charset=utf-8"), *headers]))


def asks_for_keys(request: Any) -> bool:
    """Whether a program needs a key of ours."""
    return own_policy(request.registry) is not None


@dataclass(frozen=True)
class Visitor:
    """Who is logged in, and the token of the form that logs them out."""

    name: str
    token: str


def visitor(request: Any) -> Visitor | None:
    """Who has logged in to our own pages; None for anybody else."""
    policy = own_policy(request.registry)
    identity = None if policy is None else policy.identity(request)
    if identity is None or identity.kind != "user":
        return None
    return Visitor(identity.name, csrf.token(request))


def render(request: Any, template: str, **values: Any) -> str:
    """The text of one template."""
    name = template if ":" in template else TEMPLATES + template
    text: str = application_of(request).templates.get_template(name).render(request=request, **values)
    return text


def protect(response: Response) -> Response:
    """The response with the headers of a page."""
    response.headerlist.extend(HEADERS)
    return response
