"""Live models follow the registry: what is loaded answers at once, what fails changes nothing, what is unused goes."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlserve_linear.family import LinearFamily

from mlserve.application import Application
from mlserve.bundles import BundleStore
from mlserve.errors import AliasUnknown, ModelNotReady, NotSupported
from mlserve.inference import LoadedVersion
from mlserve.inference.live import VersionStatus
from mlserve.registry import swapping
from mlserve.registry.bringing import pack_artefact
from mlserve.registry.loading import VerificationFailed, load_verified, store_of
from mlserve.registry.registered import Known, Registered, Wanted
from mlserve.registry.swapping import Swapper, aliases_not_enabled
from mlserve.signature import Batch
from tests.factories import linear_model, until
from tests.unit.registry.test_declared import application


class Registry:
    """Versions 1 to 3 of the model `line`, and where its aliases are; version 2 is nowhere on this host."""

    def __init__(self, folder: Path) -> None:
        self.application = application(folder)
        store, elsewhere = store_of(self.application), BundleStore(folder / "elsewhere")
        self.manifests = {}
        for number in (1, 2, 3):
            path = linear_model(folder, intercept=float(number))
            self.manifests[number] = pack_artefact(LinearFamily(), path, elsewhere if number == 2 else store)
        self.elsewhere = elsewhere
        self.versions = {number: Known(it.digest, "linear") for number, it in self.manifests.items()}

    def at(self, **aliases: int) -> Registered:
        return Registered(1, {"line": self.versions}, {"line": aliases} if aliases else {})

    def bring(self, number: int) -> None:
        """The bundle arrives on this host."""
        bundle = self.elsewhere.open(self.manifests[number].digest)
        files = {file.path: bundle.path(file.path) for file in bundle.manifest.files}
        store_of(self.application).put(bundle.manifest, files)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    made = Registry(tmp_path)
    yield made
    made.application.database.close()


def answers(app: Application, alias: str = "champion") -> int:
    return app.live.get("line").at(alias).lineage.version


def test_aliases_lead_to_their_versions_and_what_nobody_names_is_closed(registry: Registry) -> None:
    app, swapper = registry.application, Swapper(registry.application, grace=0.0)
    swapper.settle(registry.at(champion=1, challenger=3))
    assert (answers(app), answers(app, "challenger")) == (1, 3)
    first, third = app.live.get("line").loaded(), app.live.get("line").at("challenger")
    swapper.settle(registry.at(champion=3))
    assert app.live.get("line").loaded() is third  # It was there already.
    assert app.live.get("line").statuses == {1: VersionStatus("draining"), 3: VersionStatus("ready")}
    swapper.tend()
    assert first.predictor.closed  # type: ignore[attr-defined]
    assert app.live.get("line").statuses == {3: VersionStatus("ready")}
    swapper.settle(registry.at())
    assert app.live.find("line") is None
    swapper.tend()
    assert third.predictor.closed  # type: ignore[attr-defined]


def test_a_version_stays_open_for_the_requests_that_have_just_found_it(registry: Registry) -> None:
    app, swapper = registry.application, Swapper(registry.application, grace=60.0)
    swapper.settle(registry.at(champion=1))
    first = app.live.get("line").loaded()
    swapper.settle(registry.at(champion=3))
    swapper.tend()
    batch = Batch.from_rows(first.signature, [(1.0, 1.0)])
    assert first.predict(batch)["value"].tolist() == [2.0]
    swapper.close()
    with pytest.raises(ModelNotReady):
        first.predict(batch)


def test_a_version_that_is_wanted_again_before_it_is_closed_is_not_loaded_again(registry: Registry) -> None:
    app, swapper = registry.application, Swapper(registry.application, grace=60.0)
    swapper.settle(registry.at(champion=1))
    first = app.live.get("line").loaded()
    swapper.settle(registry.at(champion=3))
    assert app.live.get("line").statuses[1].state == "draining"
    swapper.settle(registry.at(champion=1))
    assert app.live.get("line").loaded() is first
    assert app.live.get("line").statuses[1].state == "ready"
    swapper.tend()
    assert not first.predictor.closed  # type: ignore[attr-defined]
    swapper.close()
    assert first.predictor.closed  # type: ignore[attr-defined]


def test_a_version_in_use_is_closed_when_its_last_user_has_gone(registry: Registry) -> None:
    app, swapper = registry.application, Swapper(registry.application, grace=0.0)
    swapper.settle(registry.at(champion=1))
    first = app.live.get("line").loaded()
    with first.users:
        swapper.settle(registry.at(champion=3))
        swapper.tend()
        assert not first.predictor.closed  # type: ignore[attr-defined]
        assert app.live.get("line").statuses[1].state == "draining"
    swapper.tend()
    assert first.predictor.closed  # type: ignore[attr-defined]


def test_a_missing_bundle_leaves_the_old_version_and_is_looked_for_again(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(swapping, "SOONEST", 0.01)
    app, swapper = registry.application, Swapper(registry.application, grace=0.0)
    swapper.settle(registry.at(champion=1))
    for _ in range(3):
        swapper.settle(registry.at(champion=2))
        swapper.tend()
    assert answers(app) == 1
    status = app.live.get("line").statuses[2]
    assert (status.state, "is not on this host" in status.reason) == ("failed", True)
    assert swapper.pending
    assert [record.message for record in caplog.records] == ["version_failed"]  # Told once.
    registry.bring(2)

    def settled() -> bool:
        swapper.settle(registry.at(champion=2))
        return answers(app) == 2

    until(settled)
    assert not swapper.pending


def test_without_a_champion_the_model_says_why(registry: Registry) -> None:
    app, swapper = registry.application, Swapper(registry.application)
    swapper.settle(registry.at(champion=2))
    model = app.live.get("line")
    assert (model.state, model.family) == ("failed", "linear")
    with pytest.raises(ModelNotReady, match=r"version 2 cannot be loaded: The bundle .* is not on this host"):
        model.loaded()
    swapper.settle(registry.at(shadow=1))
    assert app.live.get("line").state == "idle"
    swapper.close()


def test_a_version_that_is_not_what_its_bundle_says_never_answers(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    def load(app: Application, wanted: Wanted) -> LoadedVersion:
        tried.append(wanted.version)
        if wanted.version == 3:
            raise VerificationFailed("It does not answer its golden predictions as its bundle says: golden row 0.")
        return load_verified(app, wanted)

    app, swapper = registry.application, Swapper(registry.application, load)
    swapper.settle(registry.at(champion=1))
    for _ in range(2):
        swapper.settle(registry.at(champion=3))
    assert (answers(app), tried, swapper.pending) == (1, [1, 3], False)  # Trying again would not help.
    assert "golden row 0" in app.live.get("line").statuses[3].reason
    swapper.settle(registry.at(champion=1))
    swapper.settle(registry.at(champion=3))
    assert tried == [1, 3, 3]  # Somebody wants it anew.
    assert app.live.get("line").loaded().lineage.version == 1
    swapper.close()


def test_whatever_a_family_raises_the_others_are_served(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    def load(app: Application, wanted: Wanted) -> LoadedVersion:
        if wanted.version == 1:
            raise ZeroDivisionError("secret")
        return load_verified(app, wanted)

    app, swapper = registry.application, Swapper(registry.application, load)
    swapper.settle(registry.at(champion=1, shadow=3))
    assert answers(app, "shadow") == 3
    assert app.live.get("line").statuses[1] == VersionStatus("failed", "loading it raised ZeroDivisionError")
    (told,) = (record for record in caplog.records if record.message == "version_failed")
    assert told.exc_info is not None
    swapper.close()


def test_a_version_of_a_family_that_is_not_enabled_takes_no_live_one_down(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    def load(app: Application, wanted: Wanted) -> LoadedVersion:
        if wanted.version == 3:
            raise NotSupported("It is of family nope, which no enabled plugin brings.")
        return load_verified(app, wanted)

    registry.versions[3] = registry.versions[3]._replace(family="nope")
    app, swapper = registry.application, Swapper(registry.application, load, grace=0.0)
    swapper.settle(registry.at(champion=1, shadow=1))
    for _ in range(2):
        swapper.settle(registry.at(champion=3, shadow=3, green=3))
        swapper.tend()
        assert (answers(app), answers(app, "shadow")) == (1, 1)
    model = app.live.get("line")
    assert model.statuses[3] == VersionStatus("failed", "It is of family nope, which no enabled plugin brings.")
    assert [record.message for record in caplog.records] == ["version_failed"]
    with pytest.raises(AliasUnknown):
        model.at("green")  # Other servers answer by it.
    assert aliases_not_enabled(app, registry.at(champion=3, green=1)) == {"line": {"champion": "nope"}}
    swapper.settle(registry.at(champion=1))
    assert app.live.get("line").statuses == {1: VersionStatus("ready")}
    swapper.close()


def test_a_model_of_a_family_that_is_not_enabled_is_other_servers_unless_the_ini_declares_it(tmp_path: Path) -> None:
    registered = Registered(1, {"line": {1: Known("d", "nope")}}, {"line": {"champion": 1}})
    for models, expected in (({}, []), ({"line": tmp_path / "line"}, [("line", "failed")])):
        app = application(tmp_path, **models)
        swapper = Swapper(app)
        swapper.settle(registered)
        assert [(model.name, model.state) for model in app.live] == expected
        swapper.close()
        app.database.close()


def test_the_state_loading_is_seen_while_a_version_is_loaded(registry: Registry) -> None:
    seen: list[Any] = []

    def load(app: Application, wanted: Wanted) -> LoadedVersion:
        model = app.live.get("line")
        seen.append((model.state, model.statuses[wanted.version].state))
        return load_verified(app, wanted)

    swapper = Swapper(registry.application, load)
    swapper.settle(registry.at(champion=1))
    swapper.settle(registry.at(champion=3))
    assert seen == [("loading", "loading"), ("ready", "loading")]
    swapper.close()


def test_each_version_that_answers_is_told_once(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    swapper = Swapper(registry.application, grace=0.0)
    with caplog.at_level(logging.INFO, "mlserve.registry"):
        for aliases in ({"champion": 1}, {"champion": 1, "shadow": 1}, {"champion": 3}):
            swapper.settle(registry.at(**aliases))
            swapper.tend()
    told = [(record.message, record.fields["version"]) for record in caplog.records]  # type: ignore[attr-defined]
    assert told == [("version_loaded", 1), ("version_loaded", 3), ("version_closed", 1)]
    swapper.close()


class Gate:
    """Loads behind a gate, in whatever thread, and remembers what it has loaded."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.made: list[LoadedVersion] = []

    def __call__(self, app: Application, wanted: Wanted) -> LoadedVersion:
        self.open.wait(20)
        self.made.append(load_verified(app, wanted))
        return self.made[-1]

    def closed(self) -> list[bool]:
        return [one.predictor.closed for one in self.made]  # type: ignore[attr-defined]


def late(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> tuple[Swapper, Gate]:
    """A swapper whose champion is late."""
    monkeypatch.setitem(registry.application.settings._values, "mlserve.load.patience", 0.01)
    swapper = Swapper(registry.application, gate := Gate())
    swapper.settle(registry.at(champion=1))
    assert registry.application.live.get("line").statuses[1].state == "loading"
    return swapper, gate


def test_the_end_may_come_while_a_late_version_is_taken(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    swapper, gate = late(registry, monkeypatch)
    gate.open.set()
    until(lambda: swapper.pending)
    take_in = swapper._take_in

    def end(wanted: Wanted, loaded: LoadedVersion) -> None:
        swapper.close()
        take_in(wanted, loaded)

    monkeypatch.setattr(swapper, "_take_in", end)
    swapper.settle(registry.at(champion=1))
    assert gate.closed() == [True]


def test_the_end_may_come_while_late_versions_are_looked_through(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    swapper, gate = late(registry, monkeypatch)

    class Ending(tuple[Wanted, ...]):
        """What is wanted; to ask for it brings the end, in another thread, which waits until it may."""

        def __contains__(self, one: object) -> bool:
            ending.start()
            ending.join(0.05)
            return False

    ending = threading.Thread(target=swapper.close)
    swapper._take_late(Ending())
    gate.open.set()
    ending.join()
    until(lambda: gate.closed() == [True])


def test_what_is_prepared_at_the_end_is_closed(registry: Registry) -> None:
    swapper = Swapper(registry.application, gate := Gate())
    gate.open.set()
    swapper.close()
    swapper.prepare(Wanted("line", 1, registry.manifests[1].digest))
    assert gate.closed() == [True]
