"""What answers the verbs that an address does not have."""

from collections.abc import Callable
from typing import Any

from pyramid.httpexceptions import HTTPMethodNotAllowed


def only(*verbs: str) -> Callable[[Any], Any]:
    """The view of every other verb; GET brings HEAD. Raises HTTPMethodNotAllowed."""
    with_head = [*verbs, "HEAD"] if "GET" in verbs else verbs
    allowed = ", ".join(dict.fromkeys(with_head))

    def only_these(request: Any) -> Any:
        raise HTTPMethodNotAllowed(headers={"Allow": allowed})

    return only_these
