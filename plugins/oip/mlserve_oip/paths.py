"""What the paths of the protocol name: a model, and a version by its number or by an alias."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlserve.protocols import Target
from mlserve.protocols import target_of as named_by


@contextmanager
def target_of(request: Any) -> Iterator[Target]:
    """The version that the path asks for. `…/versions/challenger` is an alias: versions are texts in this protocol.

    Raises what `mlserve.protocols.target_of` does.
    """
    version = request.matchdict.get("version")
    named = {} if version is None else {"version" if version.isdecimal() else "alias": version}
    with named_by(request, **named) as target:
        yield target
