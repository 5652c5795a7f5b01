import copy
import hashlib
import io
import json
import os
import random
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve.bundles import BundleStore, Manifest, archive, canonical_json, pack
from mlserve.bundles.archive import ArchiveLimits
from mlserve.errors import BundleError
from tests.unit.bundles.conftest import SIGNATURE
from tests.unit.bundles.test_parts import CONTENT as PACKAGED

Entries = list[tuple[zipfile.ZipInfo, bytes]]


@pytest.fixture
def whole(store: BundleStore, manifest: Manifest, tmp_path: Path) -> bytes:
    """The bytes of a sound archive."""
    path = tmp_path / "whole.mlbundle"
    archive.write(store.open(manifest.digest), path)
    return path.read_bytes()


@pytest.fixture
def elsewhere(tmp_path: Path) -> BundleStore:
    """The store of who gets an archive."""
    return BundleStore(tmp_path / "elsewhere" / "bundles")


def read(content: bytes, store: BundleStore, **limits: Any) -> Any:
    return archive.read(io.BytesIO(content), store, limits=ArchiveLimits(**limits))


def refusal(content: bytes, store: BundleStore, **limits: Any) -> str:
    """Why an archive is refused; and that nothing of it is left, neither in the store nor beside it."""
    before = sorted(store.root.parent.parent.rglob("*"))
    with pytest.raises(BundleError) as caught:
        read(content, store, **limits)
    left = [path for path in sorted(store.root.parent.parent.rglob("*")) if path not in before]
    assert [path for path in left if path not in (store.root, store.root.parent)] == []
    return caught.value.detail


def entries_of(content: bytes) -> Entries:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return [(info, opened.read(info)) for info in opened.infolist()]


def zipped(entries: Entries, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as made:
        warnings.simplefilter("ignore")  # Of names that are there twice.
        for info, content in entries:
            made.writestr(info, content, method)
    return out.getvalue()


def info(name: str, mode: int = stat.S_IFREG | 0o600) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


def with_manifest(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The archive with another manifest: what a liar would write."""
    entries = entries_of(content)
    value = json.loads(entries[0][1])
    change(value)
    return zipped([(info("manifest.json"), canonical_json(value)), *entries[1:]])


def test_what_is_written_is_read(whole: bytes, elsewhere: BundleStore, manifest: Manifest, artefact: Path) -> None:
    found = read(whole, elsewhere)

    assert found.manifest == manifest
    assert found.artefact.read_bytes() == artefact.read_bytes()
    assert elsewhere.open(manifest.digest).folder == found.folder
    assert stat.S_IMODE(found.artefact.stat().st_mode) == 0o600


def test_the_same_bundle_gives_the_same_bytes(whole: bytes, elsewhere: BundleStore, tmp_path: Path) -> None:
    again = tmp_path / "again.mlbundle"
    archive.write(read(whole, elsewhere), again)

    assert again.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_path_is_read_too(whole: bytes, elsewhere: BundleStore, tmp_path: Path) -> None:
    path = tmp_path / "x.mlbundle"
    path.write_bytes(whole)
    assert archive.read(path, elsewhere).manifest.family == "xgboost"

    os.mkfifo(tmp_path / "pipe.mlbundle")
    with pytest.raises(BundleError, match=r"pipe\.mlbundle is not a file\.$"):
        archive.read(tmp_path / "pipe.mlbundle", elsewhere)
    with pytest.raises(BundleError, match=r"none\.mlbundle cannot be read: No such file or directory\.$"):
        archive.read(tmp_path / "none.mlbundle", elsewhere)


def test_an_archive_that_was_packed_again_is_read(whole: bytes, elsewhere: BundleStore, manifest: Manifest) -> None:
    deflated = zipped([(info(entry.filename), content) for entry, content in entries_of(whole)], zipfile.ZIP_DEFLATED)

    assert len(deflated) < len(whole)
    assert read(deflated, elsewhere).manifest == manifest


def test_a_known_bundle_stays_as_it_is_and_the_archive_is_checked_all_the_same(
    whole: bytes, store: BundleStore, manifest: Manifest
) -> None:
    other = with_manifest(whole, lambda value: value["provenance"].update(who="another"))
    assert read(other, store).manifest.provenance["who"] == "me"

    assert "is damaged" in refusal(whole.replace(b"a model", b"b model", 1), store)
    assert store.open(manifest.digest).manifest == manifest


def test_a_damaged_bundle_is_put_right(whole: bytes, store: BundleStore, manifest: Manifest, artefact: Path) -> None:
    store.open(manifest.digest).artefact.write_bytes(b"rot")

    assert read(whole, store).artefact.read_bytes() == artefact.read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "files/../../evil", "/etc/evil", "//evil", "C:\\evil", "files\\evil", "files/./x", "files//x",
        "files/.hidden", "Files/model.ubj", "files/a b", "files/\u00e9", "evil", "files/model.ubj/x",
    ],
)  # fmt: skip
def test_other_names_are_refused(name: str, whole: bytes, elsewhere: BundleStore, tmp_path: Path) -> None:
    evil = zipped([*entries_of(whole), (info(name), b"evil")])
    assert refusal(evil, elsewhere).startswith("This is not the archive of a bundle: ")
    # In the place of the model's file too, and where the manifest agrees.
    manifest, (_, model) = entries_of(whole)
    assert refusal(zipped([manifest, (info(name), model)]), elsewhere)

    def lie(value: dict[str, Any]) -> None:
        value["content"]["files"][0]["path"] = name.removeprefix("files/")

    assert refusal(with_manifest(zipped([manifest, (info(name), model)]), lie), elsewhere)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("files/link", stat.S_IFLNK | 0o777),
        ("files/folder", stat.S_IFDIR | 0o700),
        ("files/folder/", stat.S_IFREG | 0o600),
        ("files/pipe", stat.S_IFIFO | 0o600),
        ("files/device", stat.S_IFCHR | 0o600),
    ],
)
def test_links_folders_and_devices_are_refused(name: str, mode: int, whole: bytes, elsewhere: BundleStore) -> None:
    told = refusal(zipped([*entries_of(whole), (info(name, mode), b"/etc/passwd")]), elsewhere)
    assert told == f"This is not the archive of a bundle: {name!r} is no ordinary file."
    # What is listed may be no link either.
    manifest, (_, model) = entries_of(whole)
    linked = zipped([manifest, (info("files/model.ubj", stat.S_IFLNK | 0o777), model)])
    assert refusal(linked, elsewhere).endswith("'files/model.ubj' is no ordinary file.")


def test_one_name_twice_is_refused(whole: bytes, elsewhere: BundleStore) -> None:
    entries = entries_of(whole)
    twice = (info("files/model.ubj"), b"another")
    assert refusal(zipped([*entries, twice]), elsewhere).endswith("it has one name twice.")
    assert refusal(zipped([*entries, (info("MANIFEST.json"), b"{}")]), elsewhere).endswith("it has one name twice.")


def test_what_does_not_agree_with_the_manifest_is_refused(whole: bytes, elsewhere: BundleStore) -> None:
    manifest, model = entries_of(whole)
    assert refusal(zipped([manifest]), elsewhere).endswith("do not agree on 'files/model.ubj'.")
    assert refusal(zipped([model]), elsewhere).endswith("it has no manifest.json.")
    more = zipped([manifest, model, (info("files/readme.md"), b"x")])
    assert refusal(more, elsewhere).endswith("do not agree on 'files/readme.md'.")
    longer = zipped([manifest, (info("files/model.ubj"), model[1] + b"x")])
    assert refusal(longer, elsewhere).endswith("'files/model.ubj' has 7001 bytes, and the manifest says 7000.")
    other = zipped([manifest, (info("files/model.ubj"), b"b" * 7000)])
    assert refusal(other, elsewhere).startswith("model.ubj is not what the manifest says")
    assert "is not JSON" in refusal(zipped([(info("manifest.json"), b"{"), model]), elsewhere)
    assert "canonical" in refusal(zipped([(info("manifest.json"), manifest[1] + b" "), model]), elsewhere)
    assert "not the manifest" in refusal(with_manifest(whole, lambda value: value.pop("provenance")), elsewhere)
    assert refusal(with_manifest(whole, lambda value: value["content"].update(format=7)), elsewhere)
    deep = zipped([(info("manifest.json"), b"[" * 200_000), model])
    assert refusal(deep, elsewhere)


def test_bombs_are_refused_before_they_unpack(whole: bytes, elsewhere: BundleStore) -> None:
    size = 50_000_000
    manifest, _ = entries_of(whole)
    bomb = zipped([manifest, (info("files/model.ubj"), b"\0" * size)], zipfile.ZIP_DEFLATED)
    assert len(bomb) < size / 200
    assert "bytes, and the manifest says 7000" in refusal(bomb, elsewhere)

    def agree(value: dict[str, Any]) -> None:
        value["content"]["files"][0]["size"] = size

    changed = with_manifest(whole, agree)
    agreeing = zipped([entries_of(changed)[0], (info("files/model.ubj"), b"\0" * size)], zipfile.ZIP_DEFLATED)
    assert refusal(agreeing, elsewhere).endswith("it unpacks to more than 100 times its size.")
    assert refusal(agreeing, elsewhere, unpacked=size - 1).endswith(f"{size} bytes unpacked, and may have {size - 1}.")
    assert refusal(agreeing, elsewhere, packed=1000).endswith("and may have 1000.")
    # A manifest may be one too.
    padded = canonical_json({"content": {}, "provenance": {"x": "0" * 16_000_000}})
    assert "100 times its size" in refusal(zipped([(info("manifest.json"), padded)], zipfile.ZIP_DEFLATED), elsewhere)
    assert "may have 16777216" in refusal(zipped([(info("manifest.json"), b"0" * 2**25)]), elsewhere)


def test_sizes_are_counted_and_not_believed(whole: bytes, elsewhere: BundleStore) -> None:
    """The headers and the manifest say 7000 bytes, and the deflated data has a thousand times as many."""
    manifest, _ = entries_of(whole)
    honest = zipped([manifest, (info("files/model.ubj"), b"\0" * 7_000_000)], zipfile.ZIP_DEFLATED)
    lying = honest.replace(struct.pack("<L", 7_000_000), struct.pack("<L", 7000))
    assert lying != honest
    assert refusal(lying, elsewhere).endswith("'files/model.ubj' has more bytes than it says.")


def test_ten_thousand_entries_are_refused_without_being_read(whole: bytes, elsewhere: BundleStore) -> None:
    many = zipped([*entries_of(whole), *((info(f"files/{number}"), b"") for number in range(10_000))])
    assert refusal(many, elsewhere).endswith("it has 10002 entries, and may have 1 to 1001, in one file.")


def patched(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


def test_encrypted_entries_and_unusual_packing_are_refused(whole: bytes, elsewhere: BundleStore) -> None:
    central = whole.index(b"PK\1\2")
    for flags in (1, 8, 1 << 5, 1 << 6, 1 << 13):
        both = patched(patched(whole, 6, struct.pack("<H", flags)), central + 8, struct.pack("<H", flags))
        assert "is encrypted, or packed in a way" in refusal(both, elsewhere)
    for method in (1, 9, 12, 14, 93, 99):
        both = patched(patched(whole, 8, struct.pack("<H", method)), central + 10, struct.pack("<H", method))
        assert "is encrypted, or packed in a way" in refusal(both, elsewhere)
    entries = [(info(entry.filename), content) for entry, content in entries_of(whole)]
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert "packed in a way" in refusal(zipped(entries, method), elsewhere)
    entries[0][0].extra = b"\x01\x00\x02\x00ab"
    assert "packed in a way" in refusal(zipped(entries), elsewhere)


def test_what_the_header_and_the_directory_tell_differently_is_refused(whole: bytes, elsewhere: BundleStore) -> None:
    """A reader of the one sees another file than a reader of the other."""
    for place, value in ((30, b"Manifest.json"), (8, b"\x08\x00"), (14, b"\0\0\0\0"), (18, b"\1\0\0\0"), (0, b"XXXX")):
        assert refusal(patched(whole, place, value), elsewhere)


def test_what_stands_before_between_or_behind_is_refused(whole: bytes, elsewhere: BundleStore) -> None:
    assert refusal(b"#!/bin/sh\n" + whole, elsewhere).endswith("its directory is not where its end says.")
    assert refusal(whole + b"\0", elsewhere)
    assert refusal(whole + whole, elsewhere).endswith("its directory is not where its end says.")
    commented = patched(whole, len(whole) - 2, b"\5\0") + b"hello"
    assert refusal(commented, elsewhere).endswith("has something behind its end.")
    # A gap between two entries, with everything else right.
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number, (entry, content) in enumerate(entries_of(whole)):
            made.writestr(info(entry.filename), content)
            if not number:
                out.write(b"hidden")
                made.start_dir = out.tell()
    assert refusal(out.getvalue(), elsewhere).endswith("its entries do not follow each other.")


def test_entries_that_share_their_data_are_refused(whole: bytes, elsewhere: BundleStore) -> None:
    central = whole.index(b"PK\1\2")
    second = whole.index(b"PK\1\2", central + 4)
    assert refusal(patched(whole, second + 42, b"\0\0\0\0"), elsewhere).endswith(
        "its entries do not follow each other."
    )


def test_bytes_behind_deflated_data_are_refused(whole: bytes, elsewhere: BundleStore) -> None:
    manifest, (_, model) = entries_of(whole)
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = packing.compress(model) + packing.flush()
    for tail in (b"hidden", b"h" * 100_000):
        stored = zipped([manifest, (info("files/model.ubj"), raw + tail)])
        size, told = struct.pack("<L", len(raw + tail)), struct.pack("<L", len(model))
        # Both headers: deflated, the CRC and the size of the model.
        start, central = stored.index(b"PK\3\4", 4), stored.rindex(b"PK\1\2")
        crc = struct.pack("<L", zlib.crc32(model))
        stored = patched(stored, start + 8, b"\x08\0")
        stored = patched(stored, start + 14, crc + size + told)
        stored = patched(stored, central + 10, b"\x08\0")
        stored = patched(stored, central + 16, crc + size + told)
        assert refusal(stored, elsewhere).endswith("'files/model.ubj' has bytes behind its end.")
    assert read(zipped([manifest, (info("files/model.ubj"), model)], zipfile.ZIP_DEFLATED), elsewhere)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9, 0.99, 0.999])
def test_a_piece_of_an_archive_is_refused(part: float, whole: bytes, elsewhere: BundleStore) -> None:
    assert refusal(whole[: int(len(whole) * part)], elsewhere)


def test_other_files_are_refused(elsewhere: BundleStore, tmp_path: Path) -> None:
    for content in (b"", b"PK", b"PK\5\6" + bytes(18), b"{}", bytes(10_000), random.Random(1).randbytes(10_000)):
        assert refusal(content, elsewhere).startswith("This is not the archive of a bundle: ")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Manifest, Path]:
    """A small sound archive, its manifest, and a folder for stores."""
    folder = tmp_path_factory.mktemp("sound")
    artefact = folder / "model.ubj"
    artefact.write_bytes(b"a model")
    store = BundleStore(folder / "bundles")
    manifest = pack(artefact, "xgboost", SIGNATURE, store, {"auc": 0.75}, {"who": "me"})
    archive.write(store.open(manifest.digest), folder / "x.mlbundle")
    return (folder / "x.mlbundle").read_bytes(), manifest, folder


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_whatever_becomes_of_its_bytes_it_is_refused_or_means_the_same(
    data: st.DataObject, sound: tuple[bytes, Manifest, Path]
) -> None:
    content, manifest, folder = sound
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["change", "insert", "remove"]))
        if kind == "change":
            changed[place] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            changed[place:place] = data.draw(st.binary(min_size=1, max_size=30))
        else:
            del changed[place : place + data.draw(st.integers(1, 30))]
    store = BundleStore(folder / "fuzzed")
    try:
        found = archive.read(io.BytesIO(bytes(changed)), store)
    except BundleError:
        assert [path for path in store.root.glob("*") if path.name != manifest.digest] == []
        return
    assert found.manifest == manifest
    assert found.artefact.read_bytes() == b"a model"


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([2**53 + 1, 2**64]) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each object or list in a value, with each of its keys or numbers."""
    if isinstance(value, dict | list):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from places(inner)


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_whatever_a_manifest_says_it_is_refused_or_read_as_it_is(
    data: st.DataObject, sound: tuple[bytes, Manifest, Path]
) -> None:
    """Of either format, with a value changed, one removed, or its text damaged."""
    content, manifest, folder = sound
    kind = data.draw(st.sampled_from([manifest.content, PACKAGED]))
    value = copy.deepcopy({"content": {**kind, "files": manifest.content["files"]}, "provenance": {"who": "me"}})
    within, key = data.draw(st.sampled_from(list(places(value))))
    if data.draw(st.booleans()):
        within[key] = data.draw(JSON)
    else:
        del within[key]
    try:
        text = canonical_json(value)
    except BundleError:
        text = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.binary(max_size=3) | st.just(b"9" * 20)) + text[place:]
    try:
        found = read(zipped([(info("manifest.json"), text), *entries_of(content)[1:]]), BundleStore(folder / "told"))
    except BundleError:
        return
    assert found.digest == hashlib.sha256(canonical_json(found.manifest.content)).hexdigest()


def test_a_manifest_is_proved_canonical_once(
    whole: bytes, elsewhere: BundleStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the slowest part of a large one, and anybody may send one."""
    large = with_manifest(whole, lambda value: value["content"]["metrics"].update(x=[[]] * 100_000))
    written: list[int] = []
    dumps = rfc8785.dumps

    def counted(value: Any) -> bytes:
        text = dumps(value)
        written.append(len(text))
        return text

    monkeypatch.setattr(rfc8785, "dumps", counted)
    found = read(large, elsewhere)
    archive.write(found, elsewhere.root / "again.mlbundle")
    assert len(found.manifest.text) > 300_000
    assert sum(written) < 1.1 * len(found.manifest.text)


def test_a_manifest_of_too_many_values_is_refused_unread(whole: bytes, elsewhere: BundleStore) -> None:
    manifest, model = entries_of(whole)
    many = manifest[1].replace(b'"auc":0.75', b'"auc":[' + b",".join([b"[]"] * 600_000) + b"]")
    bomb = zipped([(info("manifest.json"), many), (info(model[0].filename), model[1])], zipfile.ZIP_DEFLATED)
    assert "and may have 1,000,000" in refusal(bomb, elsewhere, ratio=1000)


def test_an_archive_has_less_than_four_gigabytes(store: BundleStore, manifest: Manifest, tmp_path: Path) -> None:
    large = dict(manifest.content)
    large["files"] = [{**large["files"][0], "size": 2**32}]
    bundle = store.open(manifest.digest)
    with pytest.raises(BundleError, match=r"an archive holds less than 4 GiB: use a folder\.$"):
        archive.write(type(bundle)(Manifest(large, {}), bundle.folder), tmp_path / "x.mlbundle")
    with pytest.raises(BundleError, match=r"cannot be written: No such file or directory\.$"):
        archive.write(bundle, tmp_path / "none" / "x.mlbundle")
