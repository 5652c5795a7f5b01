"""What happened, over HTTP, as feeds, on the command line and on the page of a model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from pyramid.config import Configurator

from mlserve.auth.guard import Asked
from mlserve.cli import main
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.callers import bearer, events, guarded, log_in, make_key, make_user
from tests.functional.pages import HTML, assert_sound
from tests.functional.registering import MODEL, bundle, move, register, until_answers

URL = "/api/v1/events"
NAMES = {"a": "http://www.w3.org/2005/Atom"}
HOSTILE = "</bdi><script>alert(1)</script> \x01 \u202eevil"


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    models = {"line": linear_model(tmp_path), "other": linear_model(tmp_path, "other", intercept=2.0)}
    return settings_of(tmp_path, models=models, registry__interval="50ms")


@pytest.fixture
def app(settings: dict[str, str], tmp_path: Path) -> Iterator[Served]:
    with serving(settings) as served:
        register(served, bundle(tmp_path, intercept=2.0))
        move(served, 2, reason=HOSTILE)
        yield served


def kinds(answer: Any) -> list[tuple[str, str | None]]:
    return [(event["kind"], event["model"]) for event in answer.json["events"]]


def titles(answer: Any) -> list[str | None]:
    return [title.text for title in ElementTree.fromstring(answer.body).findall("a:entry/a:title", NAMES)]


def test_events_of_all_models_are_listed_newest_first(app: Served) -> None:
    listed = app.get(URL)
    assert kinds(listed)[:2] == [("alias_moved", "line"), ("version_registered", "line")]
    assert sorted(kinds(listed)[2:]) == [
        ("alias_moved", "line"),
        ("alias_moved", "other"),
        ("version_registered", "line"),
        ("version_registered", "other"),
    ]
    newest = listed.json["events"][0]
    assert (newest["reason"], newest["version"], newest["before"]["version"]) == (HOSTILE, 2, 1)
    assert newest["request_id"]
    assert app.get(f"{MODEL}/history").json["events"][0] == newest


def test_pages_lead_through_all_events_once(app: Served) -> None:
    whole = [event["id"] for event in app.get(URL).json["events"]]
    found, address = [], f"{URL}?limit=4"
    while address:
        page = app.get(address)
        found += [event["id"] for event in page.json["events"]]
        link = page.headers.get("Link", "")
        assert (page.json["next"] is None) == (link == "")
        address = link.removeprefix("<").partition(">")[0]
    assert found == whole
    assert len(whole) == 6


def test_filters_select_by_model_kind_alias_and_time(app: Served) -> None:
    assert kinds(app.get(f"{URL}?model=other&kind=alias_moved")) == [("alias_moved", "other")]
    assert kinds(app.get(f"{URL}?model=other&alias=champion")) == [("alias_moved", "other")]
    assert app.get(f"{URL}?alias=shadow").json["events"] == []
    whole = app.get(URL).json["events"]
    middle = whole[1]["at"]
    assert [event["id"] for event in app.get(f"{URL}?since={middle}").json["events"]] == [
        one["id"] for one in whole[:2]
    ]
    assert [event["id"] for event in app.get(f"{URL}?until={middle}").json["events"]] == [
        one["id"] for one in whole[2:]
    ]
    assert app.get(f"{URL}?model=nothing").json == {"events": [], "next": None}
    assert app.get(f"{URL}?since=2999-01-01&until=0001-01-01").json["events"] == []
    assert len(app.get(f"{URL}?since=0001-01-01T00:00:00Z").json["events"]) == len(whole)
    for query in ("kind=moved", "model=No", "limit=0", "cursor=1", "since=now", "alias=No", "at=1"):
        (problem,) = app.get(f"{URL}?{query}", status=400).json["errors"]
        assert problem["field"] == query.partition("=")[0]


def test_a_feed_is_valid_and_not_sent_twice(app: Served) -> None:
    feed = app.get(f"{URL}.atom?limit=2")
    assert feed.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert titles(feed) == ["line: champion moved from version 1 to version 2", "line: version 2 registered"]
    root = ElementTree.fromstring(feed.body)
    links = {link.get("rel"): str(link.get("href")) for link in root.findall("a:link", NAMES)}
    assert links["self"] == links["first"] == f"http://localhost{URL}.atom?limit=2"
    assert root.findtext("a:id", None, NAMES) == f"http://localhost{URL}.atom"
    again = app.get(f"{URL}.atom?limit=2", headers={"If-None-Match": feed.headers["ETag"]}, status=304)
    assert (again.body, again.headers["ETag"]) == (b"", feed.headers["ETag"])
    older = app.get(links["next"].removeprefix("http://localhost"))
    assert titles(feed) + titles(older) == titles(app.get(f"{URL}.atom?limit=4"))
    assert ElementTree.fromstring(older.body).findtext("a:id", None, NAMES) == f"http://localhost{URL}.atom"
    move(app, 1)
    assert app.get(f"{URL}.atom?limit=2", headers={"If-None-Match": feed.headers["ETag"]}).status_int == 200
    app.get(f"{URL}.atom", headers={"Accept": "application/json"}, status=406)


def test_a_model_has_a_feed_of_its_own(app: Served) -> None:
    assert titles(app.get("/api/v1/models/other/events.atom?kind=alias_moved")) == [
        "other: champion moved to version 1"
    ]
    assert app.head("/api/v1/models/other/events.atom").headers["ETag"]
    assert app.get("/api/v1/models/none/events.atom", status=404).json["code"] == "model_unknown"
    assert app.get("/api/v1/models/other/events.atom?model=line", status=400).json["code"] == "unreadable"


def test_a_caller_of_some_models_sees_the_events_of_these(tmp_path: Path) -> None:
    with guarded(tmp_path) as app:
        whole = bearer(make_key(app.application, "observe", name="whole"))
        bound = bearer(make_key(app.application, "observe", name="bound", models=["other"]))
        caller = bearer(make_key(app.application, "predict", name="caller"))
        assert {model for _, model in kinds(app.get(URL, headers=whole))} == {"line", "other"}
        expected = [("alias_moved", "other"), ("version_registered", "other")]
        assert kinds(app.get(URL, headers=bound)) == expected
        assert kinds(app.get(f"{URL}?model=line", headers=bound)) == []
        feed = titles(app.get(f"{URL}.atom", headers=bound))
        assert feed == ["other: champion moved to version 1", "other: version 1 registered"]
        app.get("/api/v1/models/line/events.atom", headers=bound, status=403)
        app.get("/api/v1/models/other/events.atom", headers=bound)
        for address in (URL, f"{URL}.atom"):
            app.get(address, headers=caller, status=403)
            app.get(address, status=401)


def test_what_is_of_keys_users_and_strangers_is_for_administrators_of_all(tmp_path: Path) -> None:
    with guarded(tmp_path, auth__interval="20ms") as app:
        roles: dict[str, list[str] | None] = {"admin": None, "operate": None, "observe": None}
        headers = {role: bearer(make_key(app.application, role, name=role)) for role in roles}
        headers["bound"] = bearer(make_key(app.application, "admin", name="bound", models=["line"]))
        make_user(app.application, "zoe", "observe")
        app.get("/metrics", status=401, extra_environ={"REMOTE_ADDR": "192.0.2.1"})
        app.get("/api/v1/models/line", status=401, extra_environ={"REMOTE_ADDR": "192.0.2.2"})
        log_in(app, "zoe", "wrong", extra_environ={"REMOTE_ADDR": "192.0.2.3"}, status=403)
        until(lambda: len(events(app.application, "call_refused")) == 3)
        refused = {event.after["address"]: event for event in events(app.application, "call_refused")}
        failed = refused["192.0.2.3"]
        assert (failed.after["needs"], failed.after["route"], failed.model) == ("login", "/login", None)

        def seen(role: str) -> tuple[set[tuple[str, str | None]], str]:
            listed, feed = (app.get(address, headers=headers[role]) for address in (URL, f"{URL}.atom"))
            assert len(titles(feed)) == len(kinds(listed))
            return set(kinds(listed)), listed.text + feed.text

        of_callers = {("key_created", None), ("user_added", None), ("call_refused", None)}
        of_models = {(kind, model) for kind in ("alias_moved", "version_registered") for model in ("line", "other")}
        of_models |= {("call_refused", "line")}
        found, _ = seen("admin")
        assert found == of_callers | of_models
        for role in ("operate", "observe"):
            found, text = seen(role)
            assert found == of_models
            assert "zoe" not in text
            assert "192.0.2.1" not in text
            for kind, _ in of_callers - {("call_refused", None)}:
                assert kinds(app.get(f"{URL}?kind={kind}", headers=headers[role])) == []
        found, text = seen("bound")
        assert found == {(kind, model) for kind, model in of_models if model == "line"}
        assert "other" not in text
        log_in(app, "zoe", status=303)
        assert "key created" not in app.get("/models/line", headers={"Accept": HTML}).text


class OfOneModel:
    """The policy of an application around ours: everybody may observe `other`, and the lists."""

    def authenticated_userid(self, request: Any) -> str:
        return "somebody"

    def identity(self, request: Any) -> str:
        return "somebody"

    def permits(self, request: Any, context: Any, permission: str) -> bool:
        return isinstance(context, Asked) and (context.lists or context.model == "other")

    def remember(self, request: Any, userid: str, **kw: Any) -> list[Any]:
        return []

    def forget(self, request: Any, **kw: Any) -> list[Any]:
        return []


def test_the_policy_of_an_application_around_us_says_which_events_are_seen(settings: dict[str, str]) -> None:
    def configure(config: Configurator) -> None:
        config.set_security_policy(OfOneModel())

    with serving(settings, configure) as app:
        assert {model for _, model in kinds(app.get(URL))} == {"other"}


def test_the_command_lists_events(app: Served, tmp_path: Path, settings: dict[str, str]) -> None:
    ini = tmp_path / "server.ini"
    keys = "\n".join(f"{key} = {value}" for key, value in settings.items())
    ini.write_text(f"[app:main]\nuse = egg:pyramid-mlserve\n{keys}\n")

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(main, ["events", str(ini), *arguments])
        assert done.exit_code == 0, done.output
        return done

    table = run("--model", "line", "--kind", "alias_moved").stdout.splitlines()
    assert table[0].split() == ["at", "model", "what", "by", "reason"]
    assert len(table) == 3
    assert "line   champion moved from version 1 to version 2" in table[1]
    rows = [json.loads(line) for line in run("--format", "json").stdout.splitlines()]
    assert rows == app.get(URL).json["events"]
    last = rows[0]["at"]
    assert [json.loads(line) for line in run("--format", "json", "--since", last).stdout.splitlines()] == rows[:1]
    assert "No events." in run("--since", "2999-01-01").stderr
    refused = CliRunner().invoke(main, ["events", str(ini), "--kind", "moved"])
    assert refused.exit_code == 2


def test_the_page_of_a_model_shows_what_is_live_and_who_did_what_when_and_why(app: Served) -> None:
    until_answers(app, 2)
    html = app.get("/models/line", headers={"Accept": HTML}).html
    assert_sound(html)
    life = html.select_one("#life")
    (alias,) = life.select("[aria-label=Aliases] tbody tr")
    assert alias.text.split()[:2] == ["champion", "2"]
    versions = [
        [cell.text.strip() for cell in row.select("th,td")][:3] for row in life.select("[aria-label=Versions] tbody tr")
    ]
    assert versions == [["2", "ready", "champion"], ["1", versions[1][1], ""]]
    first = life.select("[aria-label=History] tbody tr")[0]
    assert first.select_one("time")["datetime"] == app.get(URL).json["events"][0]["at"]
    assert [text.text for text in first.select("bdi")] == ["–", "champion moved from version 1 to version 2", HOSTILE]
    described = {"description": "knows the summer"}
    app.patch_json(f"{MODEL}/versions/2", described)
    told = app.get("/models/line", headers={"Accept": HTML}).html.select_one("#life")
    assert told.select("[aria-label=Versions] tbody bdi")[-3].text == described["description"]
    assert not life.select("form, button, input, script")
    assert life.select_one("a[href$='/events.atom']")


def test_a_model_that_does_not_answer_shows_its_life_too(app: Served, tmp_path: Path) -> None:
    (tmp_path / "broken.linear").write_text("{")
    app.application.live.put(
        type(app.application.live.get("line"))(name="line", family="linear", reason="it is broken")
    )
    html = app.get("/models/line", headers={"Accept": HTML}).html
    assert_sound(html)
    assert "no version answers here" in html.select_one("#life [aria-label=Aliases]").text
    assert html.select("#life [aria-label=History] tbody tr")
