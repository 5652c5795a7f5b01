import copy
import hashlib
from typing import Any

import pytest

from mlserve.bundles import BundleFile, Manifest, canonical_json
from mlserve.bundles.manifest import content_of
from mlserve.errors import BundleError, SignatureError
from mlserve.signature import Signature

FILE = {"path": "model.ubj", "sha256": "0" * 64, "size": 3}
SIGNATURE = {"inputs": [{"name": "x", "type": "float32"}], "outputs": [{"name": "y", "type": "float32"}]}
CONTENT = {
    "format": 1,
    "family": "xgboost",
    "files": [FILE],
    "signature": SIGNATURE,
    "baseline": None,
    "golden": [],
    "metrics": {"auc": 1.0},
}


def manifest(**changes: Any) -> Manifest:
    return Manifest({**CONTENT, **changes}, {"who": "me"})


def with_files(*paths: str) -> list[dict[str, Any]]:
    return [{**FILE, "path": path} for path in ("model.ubj", *paths)]


def test_a_manifest_says_what_it_holds() -> None:
    whole = manifest(files=with_files("samples/a.json"))

    assert whole.family == "xgboost"
    assert whole.metrics == {"auc": 1.0}
    assert whole.files == (BundleFile("model.ubj", "0" * 64, 3), BundleFile("samples/a.json", "0" * 64, 3))
    assert whole.artefact == "model.ubj"
    assert whole.signature.names == ("x",)
    assert whole.text == canonical_json(whole.to_json())
    assert Manifest.from_text(whole.text) == whole


def test_the_digest_is_over_the_content_alone() -> None:
    one = Manifest(CONTENT, {"who": "me"})

    assert one.digest == hashlib.sha256(canonical_json(CONTENT)).hexdigest()
    assert one.digest == Manifest(dict(reversed(CONTENT.items())), {"who": "another"}).digest
    assert one.digest != manifest(metrics={"auc": 0.5}).digest


def test_new_content_has_its_files_in_order() -> None:
    files = [BundleFile("samples/a.json", "1" * 64, 1), BundleFile("model.ubj", "0" * 64, 3)]
    content = content_of("xgboost", files, Signature.from_json(SIGNATURE), {"auc": 1.0})

    assert content == {**CONTENT, "files": [FILE, {"path": "samples/a.json", "sha256": "1" * 64, "size": 1}]}


def test_a_manifest_does_not_change_with_what_it_was_made_of() -> None:
    content = copy.deepcopy(CONTENT)
    whole = Manifest(content, {})
    content["metrics"]["auc"] = 0.5  # type: ignore[index]

    assert whole.metrics == {"auc": 1.0}


@pytest.mark.parametrize(
    "path",
    [
        "../model.ubj", "samples/../../x", "/etc/passwd", "samples//x", "samples/./x", ".hidden", "samples/.x", "a\\b",
        "a b", "a\0b", "", "samples/", "é", "x" * 101, "a/" * 9 + "b", "C:x", "a\n",
    ],
)  # fmt: skip
def test_a_path_that_could_lead_elsewhere(path: str) -> None:
    with pytest.raises(BundleError, match="no such path as"):
        manifest(files=with_files(path))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"files": []}, "files: 1 to 1000 of them"),
        ({"files": {}}, "files: 1 to 1000 of them"),
        ({"files": [FILE] * 1001}, "files: 1 to 1000 of them"),
        ({"files": ["model.ubj"]}, "files: path, sha256 and size of each"),
        ({"files": [{**FILE, "mode": 1}]}, "files: path, sha256 and size of each"),
        ({"files": [{**FILE, "path": 1}]}, "files: no such path as 1"),
        ({"files": [{**FILE, "sha256": "0" * 63}]}, "files: the SHA-256 of model.ubj"),
        ({"files": [{**FILE, "sha256": "A" * 64}]}, "files: the SHA-256 of model.ubj"),
        ({"files": [{**FILE, "size": -1}]}, "files: the size of model.ubj"),
        ({"files": [{**FILE, "size": True}]}, "files: the size of model.ubj"),
        ({"files": [{**FILE, "size": 0.5}]}, "files: the size of model.ubj"),
        ({"files": with_files("a")}, "files: sorted by path"),
        ({"files": with_files("model.ubj")}, "files: each path once"),
        ({"files": with_files("x", "x/y")}, "files: each path once"),
        ({"files": [{**FILE, "path": "X"}, FILE, {**FILE, "path": "x"}]}, "files: each path once"),
        ({"files": [{**FILE, "path": "m.ubj"}]}, "files: one model file, called model and its suffix"),
        ({"files": with_files("model.xgb")}, "files: one model file, called model and its suffix"),
        ({"family": "../x"}, "family: a name such as xgboost"),
        ({"family": None}, "family: a name such as xgboost"),
        ({"baseline": {}}, "baseline: null"),
        ({"golden": [1]}, "golden: an empty list"),
        ({"metrics": None}, "metrics: an object"),
        ({"signature": []}, "signature: an object"),
        ({"more": 1}, "content: the keys baseline, family, files, format, golden, metrics, signature"),
    ],
)
def test_a_manifest_that_is_none(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(BundleError) as caught:
        manifest(**changes)

    assert caught.value.detail == f"This is not the manifest of a bundle; it must have {what}."


@pytest.mark.parametrize("value", [None, [], {}, {"content": CONTENT}, {"content": [], "provenance": {}}])
def test_a_manifest_of_another_shape(value: Any) -> None:
    with pytest.raises(BundleError, match="This is not the manifest of a bundle"):
        Manifest.from_text(canonical_json(value))


@pytest.mark.parametrize("version", [3, "1", True, None])
def test_another_format(version: Any) -> None:
    with pytest.raises(BundleError, match=r"^The manifest has format .+, and this mlserve reads formats 1 and 2\.$"):
        manifest(format=version)


def test_a_signature_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(SignatureError):
        manifest(signature={"inputs": [], "outputs": []})


def test_a_text_from_anybody_is_refused_as_no_manifest_whatever_is_wrong_with_it() -> None:
    text = manifest().text
    for sound, damaged in (
        (b'"inputs":', b'"inpuXs":'),
        (b'"auc":1', b'"auc":9007199254740993'),
        (b'"auc":1', b'"auc":NaN'),
        (b'"auc":1', b'"auc": 1'),
    ):
        with pytest.raises(BundleError):
            Manifest.from_text(text.replace(sound, damaged))


def test_numbers_that_json_does_not_have() -> None:
    with pytest.raises(BundleError, match="cannot be written as canonical JSON"):
        manifest(metrics={"auc": float("nan")})
