from pathlib import Path

import pytest

from mlserve.bundles import read_metrics, read_sidecar
from mlserve.errors import BundleError


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    return tmp_path / "flight-delay.ubj"


def write(artefact: Path, text: str, suffix: str = ".signature.json") -> Path:
    path = artefact.with_name(artefact.name + suffix)
    path.write_text(text, encoding="utf-8")
    return path


def test_sidecars_are_read(artefact: Path) -> None:
    write(artefact, '\ufeff{"inputs": []}')
    write(artefact, '{"auc": 0.75}', ".metrics.json")

    assert read_sidecar(artefact) == {"inputs": []}
    assert read_metrics(artefact) == {"auc": 0.75}


def test_there_need_not_be_any(artefact: Path) -> None:
    assert read_sidecar(artefact) is None
    assert read_metrics(artefact) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1,\n "b" 2}', "Expecting ':' delimiter: line 2 column 6 (char 14)"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' stands there twice"),
    ],
)
def test_a_mistake_is_named_with_its_place(artefact: Path, text: str, why: str) -> None:
    path = write(artefact, text)

    with pytest.raises(BundleError) as caught:
        read_sidecar(artefact)

    assert caught.value.detail == f"{path} is not JSON: {why}."


def test_other_json_and_other_bytes(artefact: Path) -> None:
    path = write(artefact, "[]")
    with pytest.raises(BundleError, match=r"must hold a JSON object\.$"):
        read_sidecar(artefact)

    path.write_bytes(b'{"\xff": 1}')
    with pytest.raises(BundleError, match="is not JSON: 'utf-8' codec"):
        read_sidecar(artefact)

    path.write_text("[" * 100_000)
    with pytest.raises(BundleError, match="is not JSON"):
        read_sidecar(artefact)

    path.unlink()
    path.mkdir()
    with pytest.raises(BundleError, match=r"cannot be read: Is a directory\.$"):
        read_sidecar(artefact)


def test_a_sidecar_that_is_named_after_the_model_is_not_ignored(artefact: Path) -> None:
    misnamed = artefact.with_name("flight-delay.signature.json")
    misnamed.write_text("{}")

    with pytest.raises(BundleError) as caught:
        read_sidecar(artefact)

    assert caught.value.detail == (
        f"{misnamed} belongs to no model file: rename it to flight-delay.ubj.signature.json."
    )
