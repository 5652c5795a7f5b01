"""What a protocol is told of models and versions, and what it does to them."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mlserve_linear.family import LinearFamily

from mlserve import models
from mlserve.errors import ModelNotReady, ModelUnknown, NothingBefore, NotSupported, VersionUnknown
from mlserve.models import Standing, load, measured, number_of, standings, standings_of, unload
from mlserve.registry import aliases
from mlserve.types import Request
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.registering import bundle, move, register, until_answers

FIRST = Standing("line", 1, "ready")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    models = {"line": linear_model(tmp_path), "other": linear_model(tmp_path, "other", z=1.0)}
    with serving(settings_of(tmp_path, models=models, registry__interval="50ms")) as it:
        yield it


@pytest.fixture
def second(app: Served, tmp_path: Path) -> Path:
    """The archive of version 2 of `line`, which no alias names."""
    path = bundle(tmp_path, intercept=100.0)
    register(app, path)
    until(lambda: len(standings_of(request_of(app), "line")) == 2)
    return path


def request_of(app: Served) -> Any:
    request = Request.blank("/")
    request.registry = app.app.registry
    request.environ["mlserve.request_id"] = "one"
    return request


def kinds(app: Served) -> list[tuple[str, str]]:
    """What has happened to the model since the start, the latest first."""
    told = app.get("/api/v1/models/line/history").json["events"]
    return [(one["kind"], one["reason"]) for one in told if one["request_id"] == "one"]


def retire(app: Served, version: int) -> None:
    app.post_json(f"/api/v1/models/line/versions/{version}/retirement", {})


def test_all_public_names_are_there() -> None:
    assert all(hasattr(models, name) for name in models.__all__)


def test_every_version_that_is_not_retired_stands_there(app: Served, second: Path) -> None:
    request = request_of(app)
    idle = Standing("line", 2, "idle", models.UNNAMED)
    assert standings_of(request, "line") == [FIRST, idle]
    assert standings(request) == [FIRST, idle, Standing("other", 1, "ready")]
    move(app, 2)
    until_answers(app, 2)
    swapped = [Standing("line", 1, "idle", models.UNNAMED), Standing("line", 2, "ready")]
    until(lambda: standings_of(request, "line") == swapped)
    retire(app, 1)
    until(lambda: [one.version for one in standings_of(request, "line")] == [2])
    with pytest.raises(ModelUnknown, match="did you mean 'line'"):
        standings_of(request, "lin")


def test_a_version_that_cannot_be_loaded_says_why(app: Served, second: Path) -> None:
    (file,) = (app.application.var / "bundles" / second.stem).rglob("*.linear")
    file.chmod(0o600)
    file.write_text("broken")
    move(app, 2, "challenger")
    until(lambda: standings_of(request_of(app), "line")[1].state == "failed")
    assert "is not what its digest says" in standings_of(request_of(app), "line")[1].reason
    with pytest.raises(NotSupported, match="Version 2 of model line cannot be loaded"):
        load(request_of(app), "line", "2")


def test_a_path_names_a_version_by_its_number_or_an_alias(app: Served, second: Path) -> None:
    request = request_of(app)
    assert [number_of(request, "line", word) for word in ("1", "2", "champion")] == [1, 2, 1]
    for word in ("3", "01", "challenger", "", "-1"):
        with pytest.raises(VersionUnknown, match="Model line has no version"):
            number_of(request, "line", word)
    retire(app, 2)
    until(lambda: len(standings_of(request, "line")) == 1)
    with pytest.raises(VersionUnknown):
        number_of(request, "line", "2")
    with pytest.raises(ModelUnknown):
        number_of(request, "none", "1")


def test_an_unloaded_model_answers_again_once_it_is_loaded(app: Served) -> None:
    unload(request_of(app), "line")
    assert standings_of(request_of(app), "line") == [Standing("line", 1, "idle", models.UNLOADED)]
    app.predict("line", [[1, 2]], status=404)
    app.predict("other", [[1]])
    unload(request_of(app), "line")
    load(request_of(app), "line")
    assert standings_of(request_of(app), "line") == [FIRST]
    app.predict("line", [[1, 2]])
    load(request_of(app), "line")
    assert kinds(app) == [
        ("alias_moved", "loaded through a protocol"),
        ("alias_removed", "unloaded through a protocol"),
    ]


def test_it_is_the_last_champion_that_is_given_back(app: Served, second: Path) -> None:
    move(app, 2)
    until_answers(app, 2)
    move(app, 1, "challenger")
    unload(request_of(app), "line")
    app.predict("line", [[1, 2]], status=503)
    load(request_of(app), "line")
    assert app.predict("line", [[1, 2]]).json["version"] == 2


def test_of_many_who_load_at_once_one_does(app: Served) -> None:
    unload(request_of(app), "line")
    failures: list[Exception] = []

    def one() -> None:
        try:
            load(request_of(app), "line")
            app.application.live.get("line").loaded()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [kind for kind, _ in kinds(app)] == ["alias_moved", "alias_removed"]


def test_what_is_followed_before_it_is_expected_is_not_waited_for(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher may look between the commit of a move and the word of who has moved it."""
    monkeypatch.setattr(models, "_PATIENCE", 5.0)
    app.application.registry.expect("line", "champion")
    load(request_of(app), "line")
    until(lambda: not app.application.registry.coming)


def test_a_version_is_loaded_beside_the_champion(app: Served, second: Path) -> None:
    load(request_of(app), "line", "2")
    assert app.application.live.get("line").loaded().lineage.version == 1
    for version in ("3", "none"):
        with pytest.raises(VersionUnknown):
            load(request_of(app), "line", version)


def test_what_has_never_been_champion_is_not_loaded(app: Served, second: Path) -> None:
    register(app, second, "fresh")
    request = request_of(app)
    until(lambda: [one.model for one in standings(request)] == ["fresh", "line", "line", "other"])
    assert standings_of(request, "fresh") == [Standing("fresh", 1, "idle", models.UNLOADED)]
    unload(request, "fresh")
    with pytest.raises(NothingBefore, match="No version of model fresh has been its champion"):
        load(request, "fresh")


@pytest.mark.parametrize("do", [load, unload])
def test_there_is_nothing_to_do_to_an_unknown_model(app: Served, do: Any) -> None:
    with pytest.raises(ModelUnknown):
        do(request_of(app), "none")


def test_what_is_not_followed_in_time_is_said(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_PATIENCE", 0.05)
    app.application.registry.stop()
    with pytest.raises(ModelNotReady, match="not followed here yet") as refused:
        unload(request_of(app), "line")
    assert refused.value.retry_after == 5


def test_a_model_that_loads_slowly_keeps_no_request(
    app: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(models, "_PATIENCE", 0.05)
    gate, family_load = threading.Event(), LinearFamily.load
    monkeypatch.setattr(LinearFamily, "load", lambda *given: (gate.wait(20), family_load(*given))[1])
    with caplog.at_level("INFO", "mlserve.registry"):
        with suppress(ModelNotReady):
            unload(request_of(app), "line")
        until(lambda: "version_closed" in [record.message for record in caplog.records])
    with pytest.raises(ModelNotReady, match="not followed here yet"):
        load(request_of(app), "line")
    until(lambda: standings_of(request_of(app), "line")[0].state == "loading")
    gate.set()
    until(lambda: standings_of(request_of(app), "line") == [FIRST])


def test_a_move_that_this_process_has_not_seen_is_followed_first(app: Served) -> None:
    app.application.registry._interval = 60.0
    with app.application.database.write() as connection:
        aliases.remove(connection, "line", "champion")
    load(request_of(app), "line")
    assert standings_of(request_of(app), "line") == [FIRST]
    assert app.get("/api/v1/models/line/aliases").json["aliases"][0]["version"] == 1


def test_what_versions_have_answered_is_counted_by_outcome(app: Served) -> None:
    assert [(one.model, one.instances, one.outcomes["ok"]) for one in measured(request_of(app))] == [
        ("line", 0, (0, 0.0)),
        ("other", 0, (0, 0.0)),
    ]
    once = {"Idempotency-Key": "once"}
    for _ in range(2):
        app.post_json("/api/v1/models/line/predictions", {"instances": [[1, 2], [3, 4]]}, headers=once)
    app.predict("line", [[1, 2]])
    app.predict("line", [["x", 2]], status=422)
    app.predict("other", [[1]])
    line, other = measured(request_of(app))
    assert (line.model, line.version, line.instances) == ("line", 1, 3)
    assert {outcome: count for outcome, (count, _) in line.outcomes.items()} == {
        "ok": 2,
        "replayed": 1,
        "refused": 1,
        "failed": 0,
    }
    assert all(0 <= seconds < 30 and (seconds > 0) == (count > 0) for count, seconds in line.outcomes.values())
    assert measured(request_of(app), "other") == [other]
    assert (other.instances, other.outcomes["ok"][0]) == (1, 1)
    assert measured(request_of(app), "none") == []
