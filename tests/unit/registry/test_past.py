"""Past versions: loaded once, few at a time, and closed when nobody uses them."""

import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlserve_linear.family import LinearFamily

from mlserve.errors import ModelNotReady, NotSupported
from mlserve.registry.declared import load_declared
from mlserve.registry.past import Past, PastVersions, load_past
from tests.factories import linear_model, until
from tests.unit.registry.test_declared import application


class Loaded:
    def __init__(self, past: Past) -> None:
        self.past = past
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Loader:
    """Loads behind a gate, and remembers what; `failures` are raised first."""

    def __init__(self) -> None:
        self.made: list[Loaded] = []
        self.failures: list[Exception] = []
        self.gate = threading.Event()
        self.gate.set()
        self.inside = 0

    def __call__(self, past: Past) -> Any:
        self.inside += 1
        self.gate.wait(20)
        if self.failures:
            raise self.failures.pop()
        self.made.append(Loaded(past))
        return self.made[-1]

    def open(self) -> list[int]:
        return [one.past.version for one in self.made if not one.closed]


@pytest.fixture
def loader() -> Loader:
    return Loader()


def past(version: int) -> Past:
    return Past("m", version, f"digest {version}", "f")


def ask(versions: PastVersions, number: int) -> None:
    with versions.using(past(number)) as loaded:
        assert loaded.past.version == number  # type: ignore[attr-defined]
        assert not loaded.closed  # type: ignore[attr-defined]


def test_two_stay_and_the_least_recently_used_makes_room(loader: Loader) -> None:
    versions = PastVersions(loader)
    for number in (1, 2, 1, 1, 3, 1):
        ask(versions, number)
    assert [one.past.version for one in loader.made] == [1, 2, 3]
    assert loader.open() == [1, 3]
    versions.close()
    assert [one.closed for one in loader.made] == [1, 1, 1]
    with pytest.raises(ModelNotReady, match="stopping"):
        ask(versions, 1)


def test_requests_at_the_same_time_load_once(loader: Loader) -> None:
    versions = PastVersions(loader)
    loader.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, versions, 1) for _ in range(8)]
        until(lambda: loader.inside == 1)
        loader.gate.set()
        for one in asked:
            one.result(20)
    assert loader.inside == 1


def test_what_is_used_is_never_closed_and_others_wait_for_room(loader: Loader) -> None:
    versions = PastVersions(loader, room=1)
    using = versions.using(past(1))
    using.__enter__()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, versions, 2)
        assert not waiting.done()
        assert loader.open() == [1]
        using.__exit__(None, None, None)
        waiting.result(20)
    assert loader.open() == [2]


def test_who_finds_no_room_in_time_is_told_to_come_back(loader: Loader) -> None:
    versions = PastVersions(loader, room=1, patience=0.01)
    with versions.using(past(1)), pytest.raises(ModelNotReady, match="Other past versions"):
        ask(versions, 2)
    ask(versions, 2)


def test_a_load_that_fails_leaves_room_and_is_tried_again(loader: Loader) -> None:
    versions = PastVersions(loader, room=1)
    loader.failures = [OSError("gone"), OSError("gone")]
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            ask(versions, 1)
    ask(versions, 2)
    ask(versions, 1)
    assert loader.open() == [1]


def test_what_is_loaded_while_all_is_closed_is_closed_too(loader: Loader) -> None:
    versions = PastVersions(loader)
    loader.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(versions.using(past(1)).__enter__)
        until(lambda: loader.inside == 1)
        versions.close()
        loader.gate.set()
        asked.result(20)
    assert loader.made[0].closed == 1


def test_many_threads_and_versions_never_meet_a_closed_one(loader: Loader) -> None:
    versions = PastVersions(loader)
    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(ask, versions, number * 7 % 5) for number in range(300)]:
            one.result(20)
    assert len(loader.open()) <= 2


class Trusting(LinearFamily):
    """A family whose artefacts run code."""

    runs_code = True


def test_a_past_version_is_loaded_from_its_bundle_or_refused_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = application(tmp_path, line=linear_model(tmp_path))
    load_declared(made)
    lineage = made.live.get("line").loaded().lineage
    known = Past("line", 7, lineage.digest, "linear")
    loaded = load_past(made, known)
    assert (loaded.lineage.version, loaded.lineage.digest, loaded.explains) == (7, lineage.digest, True)
    for past, words in (
        (replace(known, family="gone"), "is of family gone, which no enabled plugin brings"),
        (replace(known, digest="0" * 64), f"its bundle {'0' * 64} is not on this host"),
        (replace(known, digest="../.."), "is not on this host"),
    ):
        with pytest.raises(NotSupported, match=words):
            load_past(made, past)
    made.families.add(Trusting(), "a plugin")
    with pytest.raises(NotSupported, match=r"runs code when it is loaded, and mlserve\.trust\.digests"):
        load_past(made, known)
    made.families.add(LinearFamily(), "a plugin")
    (artefact,) = (tmp_path / "var" / "bundles" / lineage.digest / "files").iterdir()
    artefact.write_text("{}")
    with caplog.at_level(logging.ERROR, "mlserve.registry"), pytest.raises(NotSupported, match="the server's log says"):
        load_past(made, known)
    (told,) = caplog.records
    assert (told.message, told.fields["version"]) == ("past_version_unusable", 7)  # type: ignore[attr-defined]
    assert "is not what its digest says" in told.fields["reason"]  # type: ignore[attr-defined]
    made.database.close()


def test_who_loads_gives_way_to_those_who_answer_and_the_interpreter_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = application(tmp_path, line=linear_model(tmp_path))
    load_declared(made)
    usual, seen = sys.getswitchinterval(), []
    load = LinearFamily.load
    monkeypatch.setattr(LinearFamily, "load", lambda *given: (seen.append(sys.getswitchinterval()), load(*given))[1])
    load_past(made, Past("line", 7, made.live.get("line").loaded().lineage.digest, "linear")).close()
    assert seen == [pytest.approx(0.0002)]
    assert sys.getswitchinterval() == usual
    made.database.close()
