"""Looking at the registry: what this process has moved is coming until a look has followed it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlserve.application import Application
from mlserve.registry import aliases
from mlserve.registry.declared import load_declared
from mlserve.registry.watcher import Watcher
from tests.factories import linear_model, until
from tests.unit.registry.test_declared import application


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    made = application(tmp_path, line=linear_model(tmp_path))
    load_declared(made)
    yield made
    made.database.close()


@pytest.fixture
def watcher(app: Application) -> Watcher:
    """One that looks only when it is told to."""
    app.registry._interval = 60.0
    return app.registry


def move(app: Application, alias: str) -> None:
    with app.database.write() as connection:
        aliases.move(connection, "line", alias, 1)


def test_what_is_expected_is_coming_until_it_is_followed(app: Application, watcher: Watcher) -> None:
    move(app, "shadow")
    watcher.expect("line", "shadow")
    assert watcher.coming == {("line", "shadow")}
    watcher.look()
    assert watcher.coming == frozenset()
    assert "shadow" in app.live.get("line").aliases


def test_what_was_followed_before_it_was_expected_is_not_coming_for_ever(app: Application, watcher: Watcher) -> None:
    move(app, "shadow")
    watcher.look()
    watcher.expect("line", "shadow")
    watcher.look()
    assert watcher.coming == frozenset()


def test_what_is_expected_stays_so_while_the_database_is_away(app: Application, watcher: Watcher) -> None:
    watcher.expect("line", "shadow")
    good, app.database = app.database, application(app.var.parent, "postgresql://127.0.0.1:1/none").database
    watcher.look()
    assert watcher.coming == {("line", "shadow")}
    assert not watcher.follow(0.01)
    app.database.close()
    app.database = good


def test_who_waits_for_a_look_waits_for_one_that_has_begun_later(
    app: Application, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, gate = threading.Event(), threading.Event()
    read = watcher._read

    def slow() -> object:
        found = read()
        inside.set()
        gate.wait(20)
        return found

    monkeypatch.setattr(watcher, "_read", slow)
    watcher.start()
    watcher.wake()
    assert inside.wait(20)
    move(app, "shadow")  # That look has not seen it.
    followed: list[bool] = []
    waiting = threading.Thread(target=lambda: followed.append(watcher.follow(20)))
    waiting.start()
    until(lambda: watcher._woken.is_set())
    gate.set()
    waiting.join()
    watcher.stop()
    assert followed == [True]
    assert "shadow" in app.live.get("line").aliases


def test_it_is_told_when_nobody_looks_in_time(watcher: Watcher) -> None:
    assert not watcher.follow(0.01)
