from pathlib import Path

import pytest

from mlserve.bundles import BundleStore, Manifest, pack
from mlserve.signature import Field, OutputField, Signature

SIGNATURE = Signature(
    (Field("age", "float32", minimum=0.0, maximum=1e17), Field("origin", "category", categories=("JFK", "LGA"))),
    (OutputField("probability", "float32"),),
)


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path / "var" / "bundles")


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    path = tmp_path / "flight-delay.UBJ"
    path.write_bytes(b"a model" * 1000)
    return path


@pytest.fixture
def manifest(store: BundleStore, artefact: Path) -> Manifest:
    """The manifest of a bundle that lies in the store."""
    return pack(artefact, "xgboost", SIGNATURE, store, {"auc": 0.75}, {"who": "me"})
