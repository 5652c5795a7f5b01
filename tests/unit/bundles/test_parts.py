"""A packed manifest that is not what it must be is refused, whatever part of it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from mlserve.bundles import Manifest
from mlserve.errors import BundleError

CONTENT: dict[str, Any] = {
    "format": 2,
    "family": "xgboost",
    "engine": "exact",
    "files": [{"path": "model.ubj", "sha256": "0" * 64, "size": 3}],
    "signature": {"inputs": [{"name": "x", "type": "float32"}], "outputs": [{"name": "y", "type": "float32"}]},
    "baseline": {
        "rows": 2,
        "inputs": {"x": {"count": 2, "missing": 0, "histogram": {"edges": [0, 1, 2], "counts": [1, 1]}}},
        "outputs": {"y": {"count": 2, "missing": 0, "elements": {"a": {"count": 2, "missing": 0}}}},
    },
    "golden": {
        "tolerance": 1e-6,
        "libraries": {"xgboost": "3.2.0"},
        "engine": "exact",
        "instances": [{"x": 1}],
        "outputs": [{"y": 2}],
    },
    "metrics": {},
    "card": {"name": "flight-delay", "owner": "Ada", "review_by": "2027-06-30"},
}


def manifest(change: Callable[[dict[str, Any]], Any] = lambda content: None) -> Manifest:
    content = copy.deepcopy(CONTENT)
    change(content)
    return Manifest(content, {})


def test_what_a_packed_manifest_says() -> None:
    whole = manifest()
    assert (whole.name, whole.engine, whole.card["owner"]) == ("flight-delay", "exact", "Ada")
    assert whole.golden == CONTENT["golden"]
    assert whole.baseline == CONTENT["baseline"]

    bare = manifest(lambda content: content.update(golden=None, baseline=None, engine=None))
    assert (bare.golden, bare.baseline, bare.engine) == (None, None, None)


def test_a_plain_manifest_has_none_of_it() -> None:
    plain = {key: value for key, value in CONTENT.items() if key not in ("engine", "card")}
    found = Manifest({**plain, "format": 1, "golden": [], "baseline": None}, {})
    assert (found.name, found.engine, found.golden, found.baseline, found.card) == (None, None, None, None, {})


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Puts a value where a path such as golden/outputs/0 leads."""

    def change(content: dict[str, Any]) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
        at: Any = content
        for step in way:
            at = at[step]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "what"),
    [
        ("engine", "", "engine: null or a word"),
        ("engine", 1, "engine: null or a word"),
        ("more", 1, "content: the keys baseline, card, engine, family"),
        ("golden", [], "golden: null or an object that is not empty"),
        ("golden", [1], "golden: the keys engine, instances"),
        ("golden", {}, "golden: null or an object that is not empty"),
        ("golden/more", 1, "golden: the keys engine, instances"),
        ("golden/tolerance", 1, "golden: a tolerance from 0 to below 1"),
        ("golden/tolerance", True, "golden: a tolerance from 0 to below 1"),
        ("golden/tolerance", None, "golden: a tolerance from 0 to below 1"),
        ("golden/libraries", {"x": 1}, "golden: libraries with their versions"),
        ("golden/engine", 1, "golden: engine, null or a word"),
        ("golden/instances", [], "golden: 1 to 100 instances"),
        ("golden/instances", [{"x": 1}] * 101, "golden: 1 to 100 instances"),
        ("golden/instances", [{"x": 1}] * 2, "golden: as many outputs as instances"),
        ("golden/instances/0", {"z": 1}, "golden: instances with the signature's inputs"),
        ("golden/instances/0", [1], "golden: instances with the signature's inputs"),
        ("golden/outputs/0", {}, "golden: outputs with the signature's outputs"),
        ("baseline", [], "baseline: the keys inputs, outputs, rows"),
        ("baseline/rows", -1, "baseline: rows, a whole number"),
        ("baseline/inputs/z", {}, "baseline: inputs of the signature"),
        ("baseline/inputs/x", [], "baseline: inputs: x: an object of known keys"),
        ("baseline/inputs/x/more", 1, "baseline: inputs: x: an object of known keys"),
        ("baseline/inputs/x/count", 1.5, "baseline: inputs: x: count, a whole number"),
        ("baseline/inputs/x/missing", None, "baseline: inputs: x: missing, a whole number"),
        ("baseline/inputs/x/mean", "1", "baseline: inputs: x: mean, a number"),
        ("baseline/inputs/x/others", -1, "baseline: inputs: x: others, a whole number"),
        ("baseline/inputs/x/values", {"a": 0.5}, "baseline: inputs: x: values with counts"),
        ("baseline/inputs/x/histogram", {"edges": [0, 1]}, "baseline: inputs: x: edges and counts"),
        ("baseline/inputs/x/histogram/edges", [2, 1, 3], "baseline: inputs: x: rising edges"),
        ("baseline/inputs/x/histogram/edges", [0, "1", 3], "baseline: inputs: x: rising edges"),
        ("baseline/inputs/x/histogram/edges", [0, 1], "baseline: inputs: x: one edge more than counts"),
        ("baseline/inputs/x/histogram/counts", [1, -1], "baseline: inputs: x: counts, whole numbers"),
        ("baseline/outputs/y/elements", [], "baseline: outputs: y: elements, an object of summaries"),
        ("baseline/outputs/y/elements/a/count", -1, "baseline: outputs: y: a: count, a whole number"),
        ("baseline/outputs/y/elements/a/elements", {}, "baseline: outputs: y: a: elements, an object of summaries"),
        ("card", [], "card: an object of at most 100"),
        ("card", {}, "card: a name such as flight-delay"),
        ("card/name", "../x", "card: a name such as flight-delay"),
        ("card/name", None, "card: a name such as flight-delay"),
        ("card/Owner", "x", "card: a key of a-z, 0-9 and _ instead of 'Owner'"),
        ("card/owner", 1, "card: a text of at most 20000 for owner"),
        ("card/owner", "x" * 20_001, "card: a text of at most 20000 for owner"),
        ("card/review_by", "soon", "card: review_by as a date, 2027-01-31"),
        ("card/review_by", "2027-13-01", "card: review_by as a date, 2027-01-31"),
    ],
)
def test_a_part_that_is_none(path: str, value: Any, what: str) -> None:
    with pytest.raises(BundleError) as caught:
        manifest(put(path, value))

    assert caught.value.detail.startswith(f"This is not the manifest of a bundle; it must have {what}")


def test_a_baseline_need_not_have_every_field() -> None:
    assert manifest(put("baseline/inputs", {})).baseline is not None
