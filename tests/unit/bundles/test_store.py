import json
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlserve.bundles import BundleStore, Manifest, open_folder, pack
from mlserve.errors import BundleError
from tests.unit.bundles.conftest import SIGNATURE


@pytest.fixture
def folder(store: BundleStore, manifest: Manifest) -> Path:
    return store.root / manifest.digest


def refusal(store: BundleStore, manifest: Manifest) -> str:
    with pytest.raises(BundleError) as caught:
        store.open(manifest.digest)
    beginning = f"The bundle {manifest.digest} in {store.root} is not what its digest says: "
    assert caught.value.detail.startswith(beginning)
    return caught.value.detail.removeprefix(beginning)


def test_a_bundle_is_opened_as_it_was_put(store: BundleStore, artefact: Path, manifest: Manifest) -> None:
    bundle = store.open(manifest.digest)

    assert store.has(manifest.digest)
    assert bundle.manifest == manifest
    assert bundle.digest == manifest.digest
    assert bundle.artefact.read_bytes() == artefact.read_bytes()
    assert bundle.artefact.suffix == ".ubj"


def test_it_is_for_this_user_alone(store: BundleStore, folder: Path) -> None:
    modes = {
        path: stat.S_IMODE(path.stat().st_mode) for path in [store.root.parent, store.root, *store.root.rglob("*")]
    }

    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}
    assert [path.name for path in store.root.iterdir()] == [folder.name]


@pytest.mark.parametrize("place", [0, 3500, -1])
def test_a_changed_byte_is_refused(place: int, store: BundleStore, manifest: Manifest) -> None:
    path = store.open(manifest.digest).artefact
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)

    assert refusal(store, manifest) == "'model.ubj' has another SHA-256 than its manifest says"


def test_another_size_is_refused(store: BundleStore, manifest: Manifest) -> None:
    with store.open(manifest.digest).artefact.open("ab") as file:
        file.write(b"x")

    assert refusal(store, manifest) == "'model.ubj' has 7001 bytes instead of 7000"


def test_a_missing_file_is_refused(store: BundleStore, manifest: Manifest) -> None:
    store.open(manifest.digest).artefact.unlink()

    assert refusal(store, manifest) == "'model.ubj' is missing"


@pytest.mark.parametrize("extra", ["x", "files/x", "files/sub/x"])
def test_an_extra_file_is_refused(extra: str, store: BundleStore, manifest: Manifest, folder: Path) -> None:
    (folder / extra).parent.mkdir(exist_ok=True)
    (folder / extra).touch()

    assert refusal(store, manifest) in {f"'{extra}' does not belong to it", "'files/sub' does not belong to it"}


def test_a_link_is_refused_wherever_it_leads(
    store: BundleStore, manifest: Manifest, artefact: Path, folder: Path
) -> None:
    (folder / "files/model.ubj").unlink()
    (folder / "files/model.ubj").symlink_to(artefact)
    assert refusal(store, manifest) == "'model.ubj' is no ordinary file"

    shutil.rmtree(folder / "files")
    (folder / "files").symlink_to(artefact.parent)
    assert refusal(store, manifest) == "its files is a link"

    moved = folder.rename(folder.with_name("moved"))
    folder.symlink_to(moved)
    with pytest.raises(BundleError, match="There is no bundle"):
        store.open(manifest.digest)


def test_a_pipe_is_refused_without_waiting(store: BundleStore, manifest: Manifest, folder: Path) -> None:
    (folder / "files/model.ubj").unlink()
    os.mkfifo(folder / "files/model.ubj")
    assert refusal(store, manifest) == "'model.ubj' is no ordinary file"

    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")
    assert refusal(store, manifest) == "its manifest.json is no ordinary file"


def test_another_manifest_is_refused(store: BundleStore, manifest: Manifest, folder: Path) -> None:
    path = folder / "manifest.json"
    text = path.read_text()

    path.write_text(text.replace("0.75", "0.85"))
    assert refusal(store, manifest) == "its manifest has another digest"

    path.write_text(json.dumps(json.loads(text), indent=2))
    assert refusal(store, manifest) == "This JSON is not in the canonical form of RFC 8785."

    path.write_text(text.replace("model.ubj", "../m.ubj"))
    assert "no such path as '../m.ubj'" in refusal(store, manifest)

    path.write_text(" " * (2**24 + 1))
    assert refusal(store, manifest) == "its manifest.json is no ordinary file"

    path.unlink()
    assert "No such file or directory" in refusal(store, manifest)
    assert not store.has(manifest.digest)


@pytest.mark.parametrize("digest", ["", "..", "../bundles", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_digest_opens_a_bundle(digest: str, store: BundleStore, manifest: Manifest) -> None:
    assert not store.has(digest)
    with pytest.raises(BundleError, match="is not the digest of a bundle"):
        store.open(digest)


def test_a_bundle_that_is_not_there(store: BundleStore) -> None:
    assert not store.has("0" * 64)
    with pytest.raises(BundleError, match=f"There is no bundle {'0' * 64} in "):
        store.open("0" * 64)


def test_a_damaged_bundle_is_replaced_when_it_is_put_again(
    store: BundleStore, artefact: Path, manifest: Manifest, folder: Path
) -> None:
    (folder / "files/model.ubj").write_bytes(b"damaged")

    again = pack(artefact, "xgboost", SIGNATURE, store, {"auc": 0.75}, {})

    assert again.digest == manifest.digest
    assert store.open(manifest.digest).artefact.read_bytes() == artefact.read_bytes()
    assert [path.name for path in store.root.iterdir()] == [manifest.digest]


@pytest.mark.parametrize(
    ("sound", "damaged"), [(b'"inputs":', b'"inpuXs":'), (b'"auc":0.75', b'"auc":9007199254740993')]
)
def test_a_damaged_manifest_is_refused_and_put_right(
    sound: bytes, damaged: bytes, store: BundleStore, artefact: Path, manifest: Manifest, folder: Path
) -> None:
    """A signature that is none, and a number that no double holds."""
    text = (folder / "manifest.json").read_bytes()
    assert sound in text
    for again in (
        lambda: store.put(manifest, {"model.ubj": artefact}),
        lambda: store.take(manifest, {"model.ubj": lambda: iter([artefact.read_bytes()])}),
    ):
        (folder / "manifest.json").write_bytes(text.replace(sound, damaged))
        assert refusal(store, manifest)
        with pytest.raises(BundleError, match="is not what its manifest says: "):
            open_folder(folder)
        assert again().manifest == manifest
        assert (folder / "manifest.json").read_bytes() == text


def test_a_source_that_changes_leaves_nothing_behind(store: BundleStore, artefact: Path, manifest: Manifest) -> None:
    other = BundleStore(store.root.parent / "other")
    artefact.write_bytes(b"b model" * 1000)

    with pytest.raises(BundleError, match=r"model\.ubj is not what the manifest says: it changed"):
        other.put(manifest, {"model.ubj": artefact})

    assert not other.has(manifest.digest)
    assert list(other.root.iterdir()) == []


@pytest.mark.parametrize("names", [[], ["model.ubj", "more"], ["other.ubj"]])
def test_the_files_are_those_of_the_manifest(
    names: list[str], store: BundleStore, artefact: Path, manifest: Manifest
) -> None:
    with pytest.raises(BundleError, match="The files are not those that the manifest lists"):
        store.put(manifest, dict.fromkeys(names, artefact))


def test_a_store_that_cannot_be_written(artefact: Path, tmp_path: Path) -> None:
    (tmp_path / "var").touch()

    with pytest.raises(BundleError, match=r"^The bundle store .* cannot be written: "):
        pack(artefact, "xgboost", SIGNATURE, BundleStore(tmp_path / "var" / "bundles"), {}, {})


def test_many_pack_the_same_at_once(tmp_path: Path, artefact: Path) -> None:
    def one(_: int) -> str:
        return pack(artefact, "xgboost", SIGNATURE, BundleStore(tmp_path / "store"), {}, {}).digest

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(one, range(32)))

    assert [path.name for path in (tmp_path / "store").iterdir()] == list(digests)


def test_the_slower_of_two_leaves_the_bundle_of_the_quicker(
    store: BundleStore, artefact: Path, manifest: Manifest, folder: Path
) -> None:
    shutil.rmtree(folder)
    os.mkfifo(artefact.with_name("pipe"))
    with ThreadPoolExecutor(1) as pool:
        slower = pool.submit(store.put, manifest, {"model.ubj": artefact.with_name("pipe")})
        with artefact.with_name("pipe").open("wb") as pipe:  # Returns when the slower one has begun to copy.
            quicker = store.put(manifest, {"model.ubj": artefact}).artefact.stat().st_ino
            pipe.write(artefact.read_bytes())
        assert slower.result().artefact.stat().st_ino == quicker

    assert [path.name for path in store.root.iterdir()] == [manifest.digest]


def test_what_a_killed_process_left_is_swept_a_day_later(
    store: BundleStore, artefact: Path, manifest: Manifest
) -> None:
    old, new = store.root / ".new-old", store.root / ".new-new"
    for left in (old, new):
        left.mkdir()
        (left / "manifest.json").touch()
    os.utime(old, (0, 0))

    pack(artefact, "other", SIGNATURE, store, {}, {})

    assert not old.exists()
    assert new.exists()


def test_what_no_version_uses_is_collected(store: BundleStore, artefact: Path, manifest: Manifest) -> None:
    artefact.write_bytes(b"another model")
    other = pack(artefact, "xgboost", SIGNATURE, store, {}, {})
    (store.root / "notes").mkdir()
    for digest in (manifest.digest, other.digest):
        os.utime(store.root / digest, (0, 0))

    assert store.collect({other.digest, manifest.digest}) == []
    assert store.collect({other.digest}, dry_run=True) == [manifest.digest]
    assert store.open(manifest.digest).manifest == manifest
    assert store.collect({other.digest}) == [manifest.digest]
    assert sorted(path.name for path in store.root.iterdir()) == sorted([other.digest, "notes"])
    assert store.open(other.digest).manifest == other
    assert store.collect([]) == [other.digest]
    assert BundleStore(store.root / "none").collect([]) == []


def test_what_was_put_there_just_now_is_not_collected(store: BundleStore, artefact: Path, manifest: Manifest) -> None:
    assert store.collect([]) == []
    # Put again, it may be about to be registered again, however old it is.
    os.utime(store.root / manifest.digest, (0, 0))
    pack(artefact, "xgboost", SIGNATURE, store, {"auc": 0.75}, {})
    assert store.collect([]) == []
    assert store.collect([], older_than=-1) == [manifest.digest]


def test_a_manifest_that_nobody_could_read_is_not_stored(store: BundleStore, artefact: Path) -> None:
    with pytest.raises(BundleError, match=r"^The manifest has \d+ bytes, and may have 16777216\.$"):
        pack(artefact, "xgboost", SIGNATURE, store, {"x": "0" * 2**24}, {})
    assert list(store.root.iterdir()) == []


def test_a_folder_of_any_name_is_opened(store: BundleStore, manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "flight-delay"
    shutil.copytree(store.root / manifest.digest, folder)
    assert open_folder(folder).manifest == manifest

    (folder / "notes.txt").write_text("x")
    with pytest.raises(BundleError, match=r"is not what its manifest says: 'notes\.txt' does not belong to it"):
        open_folder(folder)
    for nothing in (tmp_path, tmp_path / "none"):
        with pytest.raises(BundleError, match=r"is no bundle: it has no manifest\.json\.$"):
            open_folder(nothing)
