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

from mlserve import packaging
from mlserve.application import Application
from mlserve.errors import ModelNotReady, NotSupported
from mlserve.faults import Fault
from mlserve.packaging import Verdict
from mlserve.registry.declared import load_declared
from mlserve.registry.past import Past, PastVersions, load_past
from mlserve.turns import Turns
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


def test_who_waits_for_a_version_lets_others_compute_and_who_finds_one_does_not(loader: Loader) -> None:
    turns = Turns()
    turns.limit(1, 2, 20.0)
    versions = PastVersions(loader, turns=turns)

    def asked() -> None:
        with turns.taken():
            ask(versions, 1)

    loader.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(asked)
        until(lambda: loader.inside == 1 and turns.longest == 0)
        with turns.taken():
            loader.gate.set()
        waiting.result(20)
    with turns.taken():
        (held,) = turns._held.values()
        since = held.since
        ask(versions, 1)
        assert held.since == since > 0


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
        with pytest.raises(ModelNotReady, match="stopping"):
            asked.result(20)
    until(lambda: [one.closed for one in loader.made] == [1])


def test_one_that_is_slow_keeps_no_request_and_answers_when_it_is_there(loader: Loader) -> None:
    versions = PastVersions(loader, patience=0.01)
    loader.gate.clear()
    with pytest.raises(ModelNotReady, match="Version 1 of model m is not ready: it is being loaded") as told:
        ask(versions, 1)
    assert told.value.retry_after == 5
    loader.gate.set()
    until(lambda: len(loader.made) == 1)
    ask(versions, 1)
    assert (loader.inside, loader.open()) == (1, [1])


def test_one_that_hangs_gives_its_room_to_others_and_is_begun_anew_when_it_has_ended(
    loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    versions = PastVersions(loader, room=1, patience=0.05, late=0.0)
    loader.gate.clear()
    with pytest.raises(ModelNotReady, match="is being loaded"):
        ask(versions, 1)
    for _ in range(2):
        with pytest.raises(ModelNotReady, match="it has been loading for more than 0 s"):
            ask(versions, 1)
    assert [record.message for record in caplog.records] == ["version_late"]
    assert loader.inside == 1
    loader.gate.set()
    ask(versions, 2)
    until(lambda: [one.closed for one in loader.made if one.past.version == 1] == [1])

    def answers() -> bool:
        try:
            ask(versions, 1)
        except ModelNotReady:
            return False
        return True

    until(answers)
    assert loader.open() == [1]


def test_those_who_wait_for_one_that_fails_are_all_told_why(loader: Loader) -> None:
    versions = PastVersions(loader)
    loader.gate.clear()
    loader.failures = [OSError("gone")]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, versions, 1) for _ in range(4)]
        until(lambda: [place.users for place in versions._places.values()] == [4])
        loader.gate.set()
        for one in asked:
            with pytest.raises(OSError, match="gone"):
                one.result(20)
    ask(versions, 1)
    assert loader.inside == 2


def test_a_family_that_leaves_at_load_ends_no_request(loader: Loader) -> None:
    def leave(past: Past) -> Any:
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match="loading it raised SystemExit"):
        ask(PastVersions(leave), 1)


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


def once(tmp_path: Path) -> tuple[Application, Past]:
    """An application, and a version of its model that does not answer."""
    made = application(tmp_path, line=linear_model(tmp_path))
    load_declared(made)
    return made, Past("line", 7, made.live.get("line").loaded().lineage.digest, "linear")


@pytest.mark.parametrize("raised", [ZeroDivisionError("secret"), SystemExit(3)])
def test_whatever_a_family_raises_the_version_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, raised: BaseException
) -> None:
    made, known = once(tmp_path)

    def fail(*given: object) -> None:
        raise raised

    monkeypatch.setattr(LinearFamily, "load", fail)
    with pytest.raises(NotSupported, match="cannot be loaded from its bundle") as told:
        load_past(made, known)
    assert "secret" not in told.value.detail
    (record,) = (record for record in caplog.records if record.message == "past_version_unusable")
    assert record.fields["reason"] == f"loading it raised {type(raised).__name__}"  # type: ignore[attr-defined]
    assert record.exc_info is not None
    made.database.close()


def test_a_family_whose_plugin_has_failed_is_told_as_that(tmp_path: Path) -> None:
    made, known = once(tmp_path)
    made.faults.add(Fault("beads", "import", ValueError("secret")))
    with pytest.raises(NotSupported, match=r"of family gone, which is not here: the plugin beads has failed \(import"):
        load_past(made, replace(known, family="gone"))
    made.database.close()


def test_one_that_would_end_its_process_is_tried_in_another_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, known = once(tmp_path)
    verdicts = [
        Verdict(made.live.get("line").loaded().manifest, 0, ("It ended with SIGSEGV.",), died=True),  # type: ignore[arg-type]
        Verdict(made.live.get("line").loaded().manifest, 1, ("golden row 0 differs.",)),  # type: ignore[arg-type]
    ]
    monkeypatch.setattr(packaging, "verify", lambda *given, **more: verdicts.pop(0))
    monkeypatch.setitem(made.settings._values, "mlserve.load.verify", True)
    with pytest.raises(NotSupported, match="the server's log says why") as told:
        load_past(made, known)
    assert "ended with SIGSEGV" in str(told.value.__cause__)
    load_past(made, known).close()  # What it answers is `require_proof`'s.
    assert verdicts == []
    made.database.close()
