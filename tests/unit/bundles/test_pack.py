import os
import re
from pathlib import Path
from typing import Any

import pytest

from mlserve.bundles import BundleStore, Manifest, pack
from mlserve.errors import BundleError
from tests.unit.bundles.conftest import SIGNATURE


def test_packing_again_gives_the_same_digest(store: BundleStore, artefact: Path, manifest: Manifest) -> None:
    again = pack(artefact, "xgboost", SIGNATURE, store, {"auc": 0.75}, {"who": "another"})

    assert again == manifest
    assert again.provenance["who"] == "me"


def test_the_digest_does_not_depend_on_the_store_or_the_name_of_the_file(tmp_path: Path, manifest: Manifest) -> None:
    other = tmp_path / "other.ubj"
    other.write_bytes(b"a model" * 1000)

    packed = pack(other, "xgboost", SIGNATURE, BundleStore(tmp_path / "elsewhere"), {"auc": 0.75}, {})

    assert packed.digest == manifest.digest


@pytest.mark.parametrize(
    "change", [{"family_name": "other"}, {"metrics": {}}, {"artefact": b"b model"}, {"suffix": ".json"}]
)
def test_whatever_else_changes_changes_the_digest(
    change: dict[str, Any], store: BundleStore, artefact: Path, manifest: Manifest
) -> None:
    artefact.write_bytes(change.get("artefact", artefact.read_bytes()))
    artefact = artefact.rename(artefact.with_suffix(change.get("suffix", artefact.suffix)))

    family, metrics = change.get("family_name", "xgboost"), change.get("metrics", {"auc": 0.75})

    assert pack(artefact, family, SIGNATURE, store, metrics, {}).digest != manifest.digest


def test_what_the_manifest_says(manifest: Manifest) -> None:
    assert manifest.artefact == "model.ubj"
    assert manifest.signature == SIGNATURE
    assert manifest.metrics == {"auc": 0.75}
    assert manifest.provenance["artefact"] == "flight-delay.UBJ"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", manifest.provenance["created_at"])


def test_a_link_to_a_model_file_is_followed(store: BundleStore, artefact: Path, manifest: Manifest) -> None:
    link = artefact.with_name("current.ubj")
    link.symlink_to(artefact)

    assert pack(link, "xgboost", SIGNATURE, store, {"auc": 0.75}, {}).digest == manifest.digest


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, store: BundleStore) -> None:
    os.mkfifo(tmp_path / "pipe.ubj")

    with pytest.raises(BundleError, match=r"pipe\.ubj is not a file\.$"):
        pack(tmp_path / "pipe.ubj", "xgboost", SIGNATURE, store, {}, {})
    with pytest.raises(BundleError, match=r"none\.ubj cannot be read: No such file or directory\.$"):
        pack(tmp_path / "none.ubj", "xgboost", SIGNATURE, store, {}, {})
