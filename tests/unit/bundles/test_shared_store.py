"""Two hosts with one shared store, on fsspec's file systems in memory and on disk."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from mlserve.bundles import BundleStore, Manifest, archive, pack
from mlserve.bundles.shared_store import SharedStore
from mlserve.errors import BundleError
from tests.unit.bundles.conftest import SIGNATURE

fsspec = pytest.importorskip("fsspec")

Host = Callable[[str], SharedStore]


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file://{tmp_path}/shared/bundles"
        return
    name = uuid4().hex
    yield f"memory://{name}/bundles"
    memory = fsspec.filesystem("memory")
    if memory.exists(f"/{name}"):
        memory.rm(f"/{name}", recursive=True)


@pytest.fixture
def host(url: str, tmp_path: Path) -> Host:
    return lambda name: SharedStore(url, BundleStore(tmp_path / name / "bundles"))


@pytest.fixture
def shared(host: Host, artefact: Path) -> Manifest:
    """A bundle that host a has shared."""
    return pack(artefact, "xgboost", SIGNATURE, host("a"), {}, {"who": "me"})


def names(url: str) -> list[str]:
    fs, base = fsspec.core.url_to_fs(url)
    return sorted(path[len(base) + 1 :] for path in fs.find(base))


def test_what_one_host_puts_there_another_one_opens(host: Host, shared: Manifest, artefact: Path, url: str) -> None:
    other = host("b")
    assert other.has(shared.digest)
    found = other.open(shared.digest)

    assert found.manifest == shared
    assert found.artefact.read_bytes() == artefact.read_bytes()
    assert names(url) == [f"{shared.digest}/files/model.ubj", f"{shared.digest}/manifest.json"]
    assert not other.has("0" * 64)
    with pytest.raises(BundleError, match=r"^There is no bundle 0{64} in "):
        other.open("0" * 64)
    with pytest.raises(BundleError, match="is not the digest of a bundle"):
        other.open("../x")


def test_a_host_that_has_it_asks_nobody(host: Host, shared: Manifest, url: str) -> None:
    other = host("b")
    other.open(shared.digest)
    fs, base = fsspec.core.url_to_fs(url)
    fs.rm(base, recursive=True)

    assert other.open(shared.digest).manifest == shared
    # A damaged copy is fetched again, as long as the shared one is there.
    other.cache.open(shared.digest).artefact.write_bytes(b"rot")
    with pytest.raises(BundleError, match="There is no bundle"):
        other.open(shared.digest)
    host("a").put(shared, {"model.ubj": host("a").open(shared.digest).artefact})
    assert other.open(shared.digest).artefact.read_bytes() == b"a model" * 1000


@pytest.mark.parametrize("name", ["files/model.ubj", "manifest.json"])
def test_what_is_damaged_there_is_refused(name: str, host: Host, shared: Manifest, url: str) -> None:
    fs, base = fsspec.core.url_to_fs(url)
    path = f"{base}/{shared.digest}/{name}"
    whole = fs.cat_file(path)
    for damage in (b"", whole[:-1], whole + b" ", whole.replace(b"m", b"n")):
        fs.pipe_file(path, damage)
        other = host("b")
        with pytest.raises(BundleError):
            other.open(shared.digest)
        assert not other.cache.has(shared.digest)
        assert list(other.cache.root.glob("*")) == []


def test_the_manifest_of_another_bundle_is_refused(host: Host, shared: Manifest, artefact: Path, url: str) -> None:
    artefact.write_bytes(b"another model")
    other = pack(artefact, "xgboost", SIGNATURE, host("a"), {}, {})
    fs, base = fsspec.core.url_to_fs(url)
    fs.pipe_file(f"{base}/{shared.digest}/manifest.json", fs.cat_file(f"{base}/{other.digest}/manifest.json"))

    with pytest.raises(BundleError, match="is not what its digest says"):
        host("b").open(shared.digest)


def test_a_bundle_without_its_manifest_is_not_there_yet(host: Host, shared: Manifest, url: str) -> None:
    fs, base = fsspec.core.url_to_fs(url)
    fs.rm(f"{base}/{shared.digest}/manifest.json")

    assert not host("b").has(shared.digest)
    assert host("b").collect([], older_than=-1) == []  # Somebody may be writing it.
    host("a").put(shared, {"model.ubj": host("a").open(shared.digest).artefact})
    assert host("b").open(shared.digest).manifest == shared


def test_many_hosts_put_the_same_at_once(host: Host, artefact: Path, url: str) -> None:
    def put(name: str) -> Manifest:
        return pack(artefact, "xgboost", SIGNATURE, host(name), {}, {})

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(put, "abcd"))
    assert len({manifest.digest for manifest in found}) == 1
    assert len(names(url)) == 2
    assert host("e").open(found[0].digest).digest == found[0].digest


def test_an_archive_is_unpacked_for_all(host: Host, shared: Manifest, tmp_path: Path, url: str) -> None:
    archive.write(host("a").open(shared.digest), tmp_path / "x.mlbundle")
    fs, base = fsspec.core.url_to_fs(url)
    fs.rm(base, recursive=True)

    archive.read(tmp_path / "x.mlbundle", host("b"))
    assert host("c").open(shared.digest).manifest == shared


def test_what_no_version_uses_is_collected(host: Host, shared: Manifest, artefact: Path, url: str) -> None:
    artefact.write_bytes(b"another model")
    other = pack(artefact, "xgboost", SIGNATURE, host("a"), {}, {})

    assert host("a").collect([]) == []
    assert host("a").collect([other.digest, shared.digest], older_than=-1) == []
    assert host("a").collect([other.digest], older_than=-1, dry_run=True) == [shared.digest]
    assert host("b").open(shared.digest).manifest == shared
    assert host("a").collect([other.digest], older_than=-1) == [shared.digest]
    assert not host("a").has(shared.digest)
    assert {name.partition("/")[0] for name in names(url)} == {other.digest}
    assert host("b").open(other.digest).manifest == other


def test_a_store_that_cannot_be_reached(tmp_path: Path, artefact: Path) -> None:
    cache = BundleStore(tmp_path / "bundles")
    with pytest.raises(BundleError) as caught:
        SharedStore("nothing://user:secret@host/x", cache)
    assert caught.value.detail.startswith("The bundle store nothing://host/x cannot be opened: ")
    assert "secret" not in caught.value.detail

    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BundleError, match=r"/file/x cannot be written: "):
        pack(artefact, "xgboost", SIGNATURE, SharedStore(f"file://{tmp_path}/file/x", cache), {}, {})
    assert list((tmp_path / "bundles").iterdir())  # It is in the cache, for the next attempt.


def test_a_bundle_that_lost_its_files_is_put_right_by_whoever_has_it(host: Host, shared: Manifest, url: str) -> None:
    """As when somebody shares it again while it is being collected."""
    fs, base = fsspec.core.url_to_fs(url)
    assert host("b").keeps(shared)
    fs.rm(f"{base}/{shared.digest}/files/model.ubj")
    assert not host("b").keeps(shared)
    host("a").put(shared, {"model.ubj": host("a").open(shared.digest).artefact})
    assert host("b").keeps(shared)
    assert host("b").open(shared.digest).manifest == shared
