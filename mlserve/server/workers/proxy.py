"""What a proxy in front says of the client and of TLS: believed where the section says so, and else taken away."""

from waitress.proxy_headers import proxy_headers_middleware

from mlserve.server.task import without_proxies
from mlserve.server.workers.refusal import Wsgi
from mlserve.server.workers.section import Section


def behind_proxy(app: Wsgi, section: Section) -> Wsgi:
    """Around the application of a worker that clients or the proxy reach; waitress's own translation of the headers.

    A connection over a socket of this machine has no address. Whoever may open it is the proxy.
    """
    if not section.trusted_proxy:
        return without_proxies(app, proxy_headers_middleware(app))
    translated: Wsgi = proxy_headers_middleware(
        app,
        trusted_proxy="*" if section.unix_socket else section.trusted_proxy,
        trusted_proxy_count=section.trusted_proxy_count,
        trusted_proxy_headers=section.trusted_proxy_headers,
    )
    return translated
