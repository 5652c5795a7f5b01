"""The one `functools.partial` that a .skops file may hold: it is looked at as it stands in the schema.

Histogram boosting with categorical features keeps `partial(check_array, dtype=[float64], ensure_all_finite=False)`. The
name of a type says nothing of what a partial calls, so both names are trusted only where the file uses them for that.
"""

from collections.abc import Iterator
from typing import Any, Final

PARTIAL: Final = "functools.partial"
_CHECK: Final = "sklearn.utils.validation.check_array"


def trusted_partials(schema: Any) -> frozenset[str]:
    """The names that are harmless in this file: both of the partial, or none."""
    nodes = [*_dicts(schema)]
    partials = [node for node in nodes if _name(node) == PARTIAL or node.get("__loader__") == "PartialNode"]
    if not partials:
        return frozenset()
    known = _own()
    # skops takes what it has read under an identity before, whatever stands there: all must be one and the same.
    inside = {part["__id__"]: _bare(part) for node in partials for part in _dicts(node) if "__id__" in part}
    harmless = (
        all(_bare(node) == known for node in partials)
        and sum(_name(node) == _CHECK for node in nodes) == len(partials)
        and all(_bare(node) == inside[node["__id__"]] for node in nodes if node.get("__id__") in inside)
    )
    return frozenset({PARTIAL, _CHECK}) if harmless else frozenset()


def _own() -> Any:
    """The partial as skops itself writes it."""
    import io
    import json
    import zipfile
    from functools import partial

    import numpy as np
    import skops.io
    from sklearn.utils import check_array

    content = skops.io.dumps([partial(check_array, dtype=[np.float64], ensure_all_finite=False)])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return _bare(json.loads(archive.read("schema.json"))["content"][0])


def _dicts(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the JSON, itself first."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _name(node: dict[str, Any]) -> str:
    return f"{node.get('__module__')}.{node.get('__class__')}"


def _bare(node: Any) -> Any:
    """The node without the places that its parts had in memory."""
    if isinstance(node, dict):
        return {key: _bare(value) for key, value in node.items() if key != "__id__"}
    return [_bare(item) for item in node] if isinstance(node, list) else node
