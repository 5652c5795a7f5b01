"""Versions, aliases and their history over HTTP."""

import io
import json
import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mlserve_linear.family import LinearFamily
from sqlalchemy import event, text

from mlserve import testing
from mlserve.bundles import archive
from mlserve.cli import main
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.boosters import ROWS, Maker
from tests.functional.registering import BUNDLE, MODEL, answering, bundle, move, register, until_answers


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    model = linear_model(tmp_path, intercept=1.0, x=1.0, y=1.0)
    return settings_of(tmp_path, models={"line": model}, registry__interval="50ms")


@pytest.fixture
def app(settings: dict[str, str]) -> Iterator[Served]:
    with serving(settings) as served:
        yield served


def test_the_declared_model_is_version_one_and_the_champion(app: Served) -> None:
    (version,) = app.get(f"{MODEL}/versions").json["versions"]
    assert (version["number"], version["aliases"], version["state"]) == (1, ["champion"], "ready")
    assert version["created_by"] == "ini"
    alias = app.get(f"{MODEL}/aliases/champion")
    assert alias.headers["ETag"] == '"1"'
    told = {name: alias.json[name] for name in ("version", "answers", "revision", "moved_by", "before")}
    assert told == {"version": 1, "answers": 1, "revision": 1, "moved_by": "ini", "before": None}
    assert app.get(f"{MODEL}/aliases").json == {"aliases": [alias.json]}


def test_a_bundle_is_registered_once_and_answers_when_an_alias_names_it(app: Served, tmp_path: Path) -> None:
    path = bundle(tmp_path, intercept=100.0, x=1.0, y=1.0)
    made = register(app, path)
    assert made.headers["Location"].endswith(f"{MODEL}/versions/2")
    assert (made.json["number"], made.json["state"], made.json["aliases"]) == (2, "idle", [])
    assert register(app, path, status=200).json["number"] == 2
    assert app.predict("line", [[1, 1]]).json["version"] == 1
    moved = move(app, 2, reason="more recent")
    assert moved.headers["ETag"] == '"2"'
    until_answers(app, 2)
    answer = app.predict("line", [[1, 1]]).json
    assert (answer["version"], answer["outputs"]) == (2, [{"value": 102.0}])
    until(lambda: app.get(f"{MODEL}/versions/1").json["state"] == "idle")
    assert app.get(f"/api/v1/models/{'line'}").json["version"] == 2


def test_versions_are_listed_a_page_at_a_time(app: Served, tmp_path: Path) -> None:
    for intercept in (2.0, 3.0):
        register(app, bundle(tmp_path, intercept=intercept))
    first = app.get(f"{MODEL}/versions?limit=2")
    assert [one["number"] for one in first.json["versions"]] == [3, 2]
    assert first.headers["Link"] == f'<{MODEL}/versions?limit=2&cursor=2>; rel="next"'
    rest = app.get(f"{MODEL}/versions?limit=2&cursor={first.json['next']}").json
    assert ([one["number"] for one in rest["versions"]], rest["next"]) == ([1], None)
    assert app.get(f"{MODEL}/versions?cursor=1").json == {"versions": [], "next": None}
    unknown = app.get("/api/v1/models/nope/versions?cursor=5", status=404)
    assert unknown.json["code"] == "model_unknown"


def test_an_alias_and_a_version_are_asked_by_their_address(app: Served, tmp_path: Path) -> None:
    register(app, bundle(tmp_path, intercept=100.0, x=1.0, y=1.0))
    move(app, 2, alias="challenger")
    until_answers(app, 2, "challenger")
    for address, version, alias, asked, value in (
        ("predictions", 1, "champion", "alias:champion", 3.0),
        ("aliases/champion/predictions", 1, "champion", "alias:champion", 3.0),
        ("aliases/challenger/predictions", 2, "challenger", "alias:challenger", 102.0),
        ("versions/1/predictions", 1, None, "version:1", 3.0),
        ("versions/2/predictions", 2, None, "version:2", 102.0),
    ):
        made = app.post_json(f"{MODEL}/{address}", {"instances": [[1, 1]]})
        assert (made.json["version"], made.json["alias"]) == (version, alias)
        assert made.json["outputs"] == [{"value": value}]
        assert made.headers["Content-Location"] == f"{MODEL}/predictions/{made.json['id']}"
        kept = app.get(f"{MODEL}/predictions/{made.json['id']}").json
        assert (kept["asked"], kept["alias"], kept["version"]) == (asked, alias, version)
    body = {"instances": [[1, 1]]}
    assert app.post_json(f"{MODEL}/aliases/none/predictions", body, status=404).json["code"] == "alias_unknown"
    for number in ("3", "0", "01", "x", "99999999999"):
        assert (
            app.post_json(f"{MODEL}/versions/{number}/predictions", body, status=404).json["code"] == "version_unknown"
        )


def test_a_version_without_an_alias_answers_by_number_until_it_is_retired(app: Served, tmp_path: Path) -> None:
    register(app, bundle(tmp_path, intercept=100.0, x=1.0, y=1.0))
    body = {"instances": [[1, 1]]}
    assert app.post_json(f"{MODEL}/versions/2/predictions", body).json["outputs"] == [{"value": 102.0}]
    retired = app.post_json(f"{MODEL}/versions/2/retirement", {"reason": "it is worse"}).json
    # This process lets it answer until it has heard of the retirement, where it had heard of the version at all.
    assert retired["state"] in ("draining", "retired")
    assert retired["retired_at"][-1] == "Z"
    until(lambda: app.get(f"{MODEL}/versions/2").json["state"] == "retired")
    until(lambda: app.post_json(f"{MODEL}/versions/2/predictions", body, status="*").status_int == 409)
    assert app.post_json(f"{MODEL}/versions/2/predictions", body, status=409).json["code"] == "version_retired"
    assert move(app, 2, status=409).json["code"] == "version_retired"
    refused = app.post_json(f"{MODEL}/versions/1/retirement", {}, status=409).json
    assert (refused["code"], "champion" in refused["detail"]) == ("version_in_use", True)


def test_a_retired_version_drains_until_the_process_has_heard_of_it(
    app: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(app, bundle(tmp_path, intercept=100.0, x=1.0, y=1.0))
    watcher, url, body = app.application.registry, f"{MODEL}/versions/2", {"instances": [[1, 1]]}
    until(lambda: watcher.registered.version("line", 2) is not None)

    def told() -> set[str]:
        page = app.get("/models/line").text
        on_page = "draining" if "<td>draining" in page else "retired" if "<td>retired" in page else "neither"
        return {app.get(url).json["state"], app.get(f"{MODEL}/versions").json["versions"][0]["state"], on_page}

    with monkeypatch.context() as patch:
        patch.setattr(watcher, "_read", lambda: None)  # It hears of nothing.
        assert app.post_json(f"{url}/retirement", {}).json["state"] == "draining"
        assert told() == {"draining"}
        assert app.post_json(f"{url}/predictions", body).json["version"] == 2
    watcher.wake()
    until(lambda: told() == {"retired"})
    assert app.post_json(f"{url}/predictions", body, status=409).json["code"] == "version_retired"


def test_who_moves_an_alias_says_what_they_have_seen(app: Served, tmp_path: Path) -> None:
    register(app, bundle(tmp_path, intercept=2.0))
    url, body = f"{MODEL}/aliases/champion", {"version": 2}
    assert app.put_json(url, body, status=428).json["code"] == "precondition_required"
    for headers in ({"If-Match": '"7"'}, {"If-Match": '"x"'}, {"If-None-Match": "*"}):
        stale = app.put_json(url, body, headers=headers, status=412).json
        assert (stale["code"], stale["current"]) == ("stale", {"version": 1, "revision": 1})
    for headers in ({"If-Match": "1"}, {"If-Match": '"1", "2"'}, {"If-None-Match": '"1"'}):
        assert app.put_json(url, body, headers=headers, status=400).json["code"] == "unreadable"
    assert app.put_json(url, body, headers={"If-Match": '"1"'}).json["revision"] == 2
    assert app.put_json(url, body, headers={"If-Match": '"1"'}, status=412).json["current"]["revision"] == 2


def test_a_body_that_is_not_right_is_told_by_its_members(app: Served) -> None:
    headers = {"If-Match": '"1"'}
    for body, code, field in (
        ({}, "required", None),
        ({"version": 1, "back": True}, "required", None),
        ({"version": "1"}, "type", "version"),
        ({"version": True}, "type", "version"),
        ({"version": 0}, "range", "version"),
        ({"version": 1, "force": 1}, "type", "force"),
        ({"version": 1, "reason": "\0"}, "nul", "reason"),
        ({"version": 1, "reason": "x" * 2001}, "length", "reason"),
        ({"version": 1, "why": "x"}, "unknown_field", "why"),
    ):
        (problem,) = app.put_json(f"{MODEL}/aliases/champion", body, headers=headers, status=422).json["errors"]
        assert (problem["code"], problem["field"]) == (code, field)
    bad_name = app.put_json(f"{MODEL}/aliases/No", {"version": 1}, headers={"If-None-Match": "*"}, status=404)
    assert bad_name.json["code"] == "alias_unknown"


def test_a_version_that_breaks_callers_is_refused_with_the_differences(app: Served, tmp_path: Path) -> None:
    register(app, bundle(tmp_path, x=1.0))
    refused = move(app, 2, status=409).json
    assert refused["code"] == "signature_breaks"
    assert [(one["code"], one["field"]) for one in refused["errors"]] == [("field_gone", "y")]
    assert answering(app) == 1
    move(app, 2, force=True)
    until_answers(app, 2)
    assert app.predict("line", [[1]]).json["version"] == 2


def test_a_rollback_leads_back_and_the_history_tells_all(app: Served, tmp_path: Path) -> None:
    for intercept in (2.0, 3.0):
        register(app, bundle(tmp_path, intercept=intercept))
    move(app, 2, reason="second")
    between = datetime.now(UTC)
    move(app, 3, reason="third")
    assert move(app, None, back=True, reason="too warm").json["version"] == 2
    until_answers(app, 2)
    assert move(app, None, back=True).json["version"] == 1
    assert move(app, None, back=True, status=409).json["code"] == "nothing_before"
    history = app.get(f"{MODEL}/history?alias=champion").json
    assert [(one["version"], one["reason"]) for one in history["events"][1:4]] == [
        (2, "too warm"),
        (3, "third"),
        (2, "second"),
    ]
    assert history["next"] is None
    at = between.isoformat().replace("+00:00", "Z")
    (then,) = app.get(f"{MODEL}/history?at={at}").json["aliases"]
    assert (then["alias"], then["version"], then["reason"]) == ("champion", 2, "second")
    before = (between - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    assert app.get(f"{MODEL}/history?at={before}").json["aliases"] == []
    page = app.get(f"{MODEL}/history?limit=2")
    assert [one["kind"] for one in page.json["events"]] == ["alias_moved"] * 2
    assert page.json["next"] in page.headers["Link"]


def test_an_alias_is_removed_and_the_model_says_that_it_has_no_champion(app: Served, tmp_path: Path) -> None:
    move(app, 1, alias="shadow")
    url = f"{MODEL}/aliases/champion"
    assert app.delete(url, status=428).json["code"] == "precondition_required"
    assert app.delete(url, headers={"If-Match": '"1"'}).json["alias"] == "champion"
    until(lambda: app.get(MODEL).json["state"] == "idle")
    assert app.predict("line", [[1, 1]], status=503).json["code"] == "model_not_ready"
    assert app.get(url, status=404).json["code"] == "alias_unknown"
    assert app.get("/health/ready").json["status"] == "ok"
    shadow = app.post_json(f"{MODEL}/aliases/shadow/predictions", {"instances": [[1, 1]]})
    assert shadow.json["version"] == 1
    assert move(app, 1).json["revision"] == 2
    until_answers(app, 1)


def test_a_version_of_a_family_that_is_not_enabled_takes_no_model_down(app: Served, tmp_path: Path) -> None:
    class Nope(LinearFamily):
        name = "nope"

    path = bundle(tmp_path, Nope(), intercept=2.0, x=1.0, y=1.0)
    assert register(app, path).json["family"] == "nope"
    refused = move(app, 2, status=409).json
    assert (refused["code"], "is of family nope" in refused["detail"]) == ("not_supported", True)
    move(app, 2, force=True)
    until(lambda: app.get(f"{MODEL}/versions/2").json["state"] == "failed")
    assert "is of family nope, which no enabled plugin brings" in app.get(f"{MODEL}/versions/2").json["reason"]
    assert (answering(app), app.predict("line", [[1, 1]]).json["version"]) == (1, 1)
    until(lambda: app.get("/health/ready").json["checks"]["models"]["state"] == "degraded")
    told = app.get("/health/ready").json["checks"]["models"]
    assert (told["models"], told["not_enabled"]) == ({"line": "ready"}, {"line": {"champion": "nope"}})


def test_another_model_that_cannot_answer_leaves_the_server_in_its_balancer(app: Served, tmp_path: Path) -> None:
    path = bundle(tmp_path, intercept=2.0, x=1.0, y=1.0)
    digest = register(app, path, model="other").json["digest"]
    shutil.rmtree(tmp_path / "var" / "bundles" / digest)
    app.put_json("/api/v1/models/other/aliases/champion", {"version": 1}, headers={"If-None-Match": "*"})

    def told() -> Any:
        return app.get("/health/ready").json["checks"]["models"]

    until(lambda: told()["models"].get("other") == "failed")
    assert (told()["state"], told()["models"]) == ("degraded", {"line": "ready", "other": "failed"})


def test_an_alias_that_was_just_made_is_told_to_come(app: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    url, body = f"{MODEL}/aliases/shadow/predictions", {"instances": [[1, 1]]}
    assert app.post_json(url, body, status=404).json["code"] == "alias_unknown"
    with monkeypatch.context() as patch:
        patch.setattr(app.application.registry, "_read", lambda: None)  # It hears of nothing.
        move(app, 1, alias="shadow")
        answer = app.post_json(url, body, status=503)
        assert (answer.json["code"], answer.headers["Retry-After"]) == ("model_not_ready", "1")
    until(lambda: app.post_json(url, body, status="*").status_int == 200)
    until(lambda: not app.application.registry.coming)
    app.delete(f"{MODEL}/aliases/shadow", headers={"If-Match": '"1"'})
    until(lambda: app.post_json(url, body, status="*").status_int == 404)


def test_however_many_aliases_there_are_the_database_is_asked_as_often(app: Served) -> None:
    asked: list[str] = []

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            asked.append(statement)

    def ask() -> int:
        asked.clear()
        app.get(f"{MODEL}/aliases")
        return len(asked)

    event.listen(app.application.database.engine, "before_cursor_execute", count)
    one = ask()
    for alias in ("blue", "green", "shadow"):
        move(app, 1, alias=alias)
    assert 0 < ask() <= one


def test_what_people_write_about_a_version(app: Served) -> None:
    url = f"{MODEL}/versions/1"
    app.patch_json(url, {"description": "of spring", "tags": {"team": "a", "season": "spring"}})
    told = app.patch_json(url, {"tags": {"team": None}, "reason": "nobody's"}).json
    assert (told["description"], told["tags"]) == ("of spring", {"season": "spring"})
    assert told["signature"]["inputs"][0]["name"] == "x"
    assert "source" not in told["provenance"]
    for body, code in (({"tags": []}, "type"), ({"tags": {"": "x"}}, "length"), ({"tags": {"a": 1}}, "type")):
        assert app.patch_json(url, body, status=422).json["errors"][0]["code"] == code
    assert app.patch_json(f"{MODEL}/versions/9", {}, status=404).json["code"] == "version_unknown"


def test_a_model_that_nobody_declared_is_deployed_and_served(app: Served, tmp_path: Path) -> None:
    register(app, bundle(tmp_path, intercept=5.0), model="other")
    assert app.get("/api/v1/models/other", status=404).json["code"] == "model_unknown"
    url = "/api/v1/models/other/aliases/champion"
    app.put_json(url, {"version": 1}, headers={"If-None-Match": "*"})
    until(lambda: app.get("/api/v1/models/other", status="*").json.get("state") == "ready")
    assert app.predict("other", [[1, 1]]).json["outputs"] == [{"value": 6.0}]
    assert "/api/v1/models/other/predictions" in app.get("/api/v1/openapi.json").json["paths"]
    for path in ("versions", "aliases", "history", "aliases/champion", "versions/1"):
        assert app.get(f"/api/v1/models/nobody/{path}", status=404).json["code"] in ("model_unknown", "version_unknown")
        assert app.get(f"/api/v1/models/No/{path}", status=404).json["code"] == "model_unknown"


def with_metrics(content: bytes, text: bytes) -> bytes:
    """A bundle of plain metrics, with any text in their place."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as sound, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for entry in sound.infolist():
            file = sound.read(entry)
            assert entry.filename != "manifest.json" or b'"metrics":{}' in file
            made.writestr(entry.filename, file.replace(b'"metrics":{}', b'"metrics":{"x":' + text + b"}"))
    return out.getvalue()


def test_a_bundle_is_read_by_who_gives_way(app: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, read = [], archive.read
    monkeypatch.setattr(archive, "read", lambda *of, **by: (seen.append(sys.getswitchinterval()), read(*of, **by))[1])
    register(app, bundle(tmp_path, intercept=2.0))
    assert seen == [pytest.approx(0.0002)]


def test_what_is_no_bundle_is_refused(app: Served, settings: dict[str, str], tmp_path: Path) -> None:
    url, sound = f"{MODEL}/versions", bundle(tmp_path, intercept=2.0).read_bytes()
    assert app.post_json(url, {}, status=415).json["code"] == "unsupported_media_type"
    bodies = (b"", b"PK", sound[:-10], sound + b"x", with_metrics(sound, b"9007199254740993"))
    for body in bodies:
        assert app.post(url, body, headers={"Content-Type": BUNDLE}, status=422).json["code"] == "invalid"
    assert [one["number"] for one in app.get(url).json["versions"]] == [1]
    app.application.settings._values["mlserve.limits.bundle"] = 1024
    assert app.post(url, b"x" * 1025, headers={"Content-Type": BUNDLE}, status=413).json["code"] == "too_large"


def test_a_restart_undoes_no_promotion_and_a_new_artefact_is_the_champion(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with serving(settings) as app:
        register(app, bundle(tmp_path, intercept=2.0, x=1.0, y=1.0))
        move(app, 2)
        until_answers(app, 2)
    with serving(settings) as app:
        assert app.predict("line", [[1, 1]]).json["version"] == 2
    linear_model(tmp_path, intercept=3.0, x=1.0, y=1.0)
    with serving(settings) as app:
        assert app.predict("line", [[1, 1]]).json["version"] == 3
        last = app.get(f"{MODEL}/history").json["events"][0]
        assert (last["actor"], last["reason"], last["after"]["version"]) == ("ini", "mlserve.models.line", 3)
        move(app, None, back=True)
        until_answers(app, 2)
    with serving(settings) as app:
        assert app.predict("line", [[1, 1]]).json["version"] == 2
    linear_model(tmp_path, intercept=1.0, x=1.0, y=1.0)  # The first artefact again: a new declaration all the same.
    with serving(settings) as app:
        assert app.predict("line", [[1, 1]]).json["version"] == 1


def test_a_host_with_an_older_ini_leaves_the_champion_where_another_has_moved_it(
    settings: dict[str, str], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    folders = [tmp_path / name for name in ("a", "b")]
    hosts = []
    for folder in folders:
        folder.mkdir()
        model = linear_model(folder, intercept=1.0, x=1.0, y=1.0)
        hosts.append(settings_of(folder, models={"line": model}, database__url=url, registry__interval="50ms"))
        with serving(hosts[-1]) as app:
            assert app.predict("line", [[1, 1]]).json["version"] == 1
    linear_model(folders[0], intercept=2.0, x=1.0, y=1.0)
    with serving(hosts[0]) as app:
        assert app.predict("line", [[1, 1]]).json["version"] == 2
    with serving(hosts[1]) as app:
        # It has no bundle of version 2, and says so; the registry is as the other host has left it.
        status = app.get(f"{MODEL}/versions/2").json
        assert (status["aliases"], status["state"]) == (["champion"], "failed")
        assert "not on this host" in status["reason"]
        assert app.get("/health/ready", status=503).json["checks"]["models"]["versions"] == {"line": {"2": "failed"}}


def test_a_start_without_the_database_serves_what_the_host_has_seen_last(
    settings: dict[str, str], tmp_path: Path
) -> None:
    with serving(settings) as app:
        register(app, bundle(tmp_path, intercept=2.0, x=1.0, y=1.0))
        move(app, 2)
        move(app, 1, alias="shadow")
        until_answers(app, 2)
        until_answers(app, 1, "shadow")
        until(
            lambda: json.loads((tmp_path / "var" / "registry.json").read_text())["aliases"]["line"].get("shadow") == 1
        )
    away = {**settings, "mlserve.database.url": "postgresql://127.0.0.1:1/none", "mlserve.log.way": "process"}
    with serving(away | {"mlserve.shipper.enabled": "false"}) as app:
        assert app.predict("line", [[1, 1]]).json["version"] == 2
        shadow = app.post_json(f"{MODEL}/aliases/shadow/predictions", {"instances": [[1, 1]]})
        assert shadow.json["version"] == 1
        assert app.get(f"{MODEL}/versions", status=503).json["code"] == "database_unavailable"


def test_a_version_that_does_not_answer_its_golden_predictions_never_answers_callers(tmp_path: Path) -> None:
    """A real booster whose bundle claims another answer to a real row, under digests that are right."""
    maker = Maker(tmp_path)
    good, other = maker.make(), maker.make()
    tampered = maker.tampered(other, row=3)
    settings = testing.settings_of(
        tmp_path, plugins="xgboost", models={"line": good.archive}, registry__interval="50ms"
    )
    why = "golden row 3: value is "
    with serving(settings) as app:
        assert register(app, tampered).json["state"] == "idle"  # Nobody is answered by it yet.
        by_number = app.post_json(f"{MODEL}/versions/2/predictions", {"instances": ROWS}, status=503)
        assert (by_number.json["code"], why in by_number.json["detail"]) == ("model_not_ready", True)
        assert "Retry-After" in by_number.headers
        assert move(app, 2, reason="hurry").json["answers"] == 1
        until(lambda: app.get(f"{MODEL}/versions/2").json["state"] == "failed")
        assert why in app.get(f"{MODEL}/versions/2").json["reason"]
        assert answering(app) == 1
        answer = app.predict("line", ROWS).json
        assert (answer["version"], [row["value"] for row in answer["outputs"]]) == (1, good.answers)
        failed = {"line": {"2": "failed"}}
        until(lambda: app.get("/health/ready", status="*").json["checks"]["models"].get("versions") == failed)
        assert app.get("/health/ready").json["checks"]["models"]["state"] == "degraded"
        assert why in app.get("/models/line").text
        with app.application.database.read() as connection:
            assert set(connection.scalars(text("SELECT version FROM predictions"))) == {1}
        move(app, None, back=True)
        register(app, other.archive)
        move(app, 3)
        until_answers(app, 3)


def test_the_command_line_deploys_no_bundle_that_does_not_answer_its_golden_predictions(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    good = maker.make()
    settings = testing.settings_of(tmp_path, plugins="xgboost", models={"line": good.archive})
    ini = tmp_path / "server.ini"
    keys = "\n".join(f"{key} = {value}" for key, value in settings.items())
    ini.write_text(
        f"[app:main]\nuse = egg:pyramid-mlserve\n{keys}\n[server:main]\nuse = egg:pyramid-mlserve#waitress\n"
    )
    with serving(settings):
        pass
    tampered = maker.tampered(maker.make(), row=2)
    refused = CliRunner().invoke(main, ["deploy", str(ini), str(tampered), "--alias", "champion"])
    assert refused.exit_code == 1
    assert "is not deployed: It does not answer its golden predictions" in refused.output
    assert "golden row 2: value is " in refused.output
    shown = CliRunner().invoke(main, ["show", str(ini), "line"])
    assert [one["number"] for one in json.loads(shown.stdout)["versions"]] == [1]
