"""The verbs that an address does not have."""

import pytest
from pyramid.httpexceptions import HTTPMethodNotAllowed

from mlserve.api.methods import only


@pytest.mark.parametrize(
    ("verbs", "allowed"),
    [
        (("GET",), "GET, HEAD"),
        (("GET", "POST"), "GET, POST, HEAD"),
        (("POST",), "POST"),
        (("GET", "HEAD"), "GET, HEAD"),
    ],
)
def test_the_refusal_names_the_verbs_that_are_there(verbs: tuple[str, ...], allowed: str) -> None:
    with pytest.raises(HTTPMethodNotAllowed) as refused:
        only(*verbs)(None)
    assert refused.value.headers["Allow"] == allowed
