"""Keys and users over HTTP: who may make, change and end which, and what is left behind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlserve import events as event_store
from mlserve.auth.tables import api_keys
from tests.factories import Served, until
from tests.functional.callers import PASSWORD, bearer, events, guarded, log_in, make_key, make_user

KEYS, USERS = "/api/v1/keys", "/api/v1/users"
MODELS = "/api/v1/models"
Headers = dict[str, str]
NEW = {"name": "billing", "roles": ["observe"]}
ADA = {"name": "ada", "password": PASSWORD, "roles": ["observe"]}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with guarded(tmp_path) as app:
        yield app


@pytest.fixture
def admin(app: Served) -> Headers:
    return bearer(make_key(app.application, "admin", name="root"))


@pytest.fixture
def bound(app: Served, admin: Headers) -> Headers:
    """The administrator of the model `line`; there is one of all models too."""
    return bearer(make_key(app.application, "admin", name="bound", models=["line"]))


def last_event(app: Served) -> Any:
    with app.application.database.read() as connection:
        return event_store.page(connection, limit=1)[0]


def test_a_key_is_made_shown_once_and_works_at_once(app: Served, admin: Headers) -> None:
    end = (datetime.now(UTC) + timedelta(days=90)).isoformat()
    body = {**NEW, "models": ["line"], "expires_at": end, "reason": "the new shop"}
    made = app.post_json(KEYS, body, headers=admin, status=201)
    told = made.json
    text = told.pop("key")
    assert made.headers["Cache-Control"] == "no-store"
    assert told["id"] == text.split("_")[1]
    app.get(f"{MODELS}/line", headers=bearer(text))
    app.get(f"{MODELS}/other", headers=bearer(text), status=403)
    shown = app.get(made.headers["Location"], headers=admin)
    assert shown.json | {"last_used_at": None} == told
    assert (told["name"], told["roles"], told["models"]) == ("billing", ["observe"], ["line"])
    assert (told["state"], told["created_by"]) == ("works", "key:root")
    assert app.get(f"{KEYS}/mls_{told['id']}", headers=admin).json["id"] == told["id"]
    listed = app.get(KEYS, headers=admin)
    assert [key["name"] for key in listed.json["keys"]] == ["billing", "root"]
    assert text.split("_", 2)[2] not in listed.text + shown.text
    event = last_event(app)
    assert (event.kind, event.actor, event.reason) == ("key_created", "key:root", "the new shop")
    assert event.request_id == made.headers["X-Request-Id"]
    assert event.after["expires_at"] == told["expires_at"] == end.replace("+00:00", "Z")


def test_a_revoked_key_is_out_at_once_and_revoking_it_again_changes_nothing(app: Served, admin: Headers) -> None:
    made = app.post_json(KEYS, NEW, headers=admin, status=201).json
    address = f"{KEYS}/{made['id']}"
    revoked = app.delete(f"{address}?reason=gone", headers=admin).json
    assert (revoked["state"], revoked["revoked_by"]) == ("revoked", "key:root")
    app.get(MODELS, headers=bearer(made["key"]), status=401)
    assert app.delete(address, headers=admin).json == revoked == app.get(address, headers=admin).json
    (event,) = events(app.application, "key_revoked")
    assert (event.actor, event.reason, event.before["id"]) == ("key:root", "gone", made["id"])
    for unknown in ("a" * 12, "mls_", "x%00y", made["key"]):
        refused = app.get(f"{KEYS}/{unknown}", headers=admin, status=404)
        assert refused.json["code"] == "key_unknown"
        assert made["key"] not in refused.text


def test_a_user_is_added_changed_and_removed(app: Served, admin: Headers) -> None:
    added = app.post_json(USERS, ADA, headers=admin, status=201)
    assert added.headers["Location"] == f"http://localhost{USERS}/ada"
    assert app.get(added.headers["Location"], headers=admin).json == added.json
    assert (added.json["models"], added.json["last_login_at"], added.json["locked_until"]) == (None, None, None)
    assert app.post_json(USERS, ADA, headers=admin, status=409).json["code"] == "user_exists"
    log_in(app, "ada", status=303)
    app.get(f"{MODELS}/other")
    changed = app.patch_json(f"{USERS}/ada", {"roles": ["predict"], "reason": "moved"}, headers=admin)
    assert (changed.json["roles"], changed.json["models"]) == (["predict"], None)
    app.get(f"{MODELS}/other", status=403)
    app.patch_json(f"{USERS}/ada", {"roles": ["observe"], "models": ["line"]}, headers=admin)
    app.get(f"{MODELS}/line")
    app.get(f"{MODELS}/other", status=403)
    app.patch_json(f"{USERS}/ada", {}, headers=admin)
    app.patch_json(f"{USERS}/ada", {"password": "another long one"}, headers=admin)
    app.get(f"{MODELS}/line", status=401)
    log_in(app, "ada", status=403)
    log_in(app, "ada", "another long one", status=303)
    assert [user["name"] for user in app.get(USERS, headers=admin).json["users"]] == ["ada"]
    app.delete(f"{USERS}/ada?reason=left", headers=admin)
    app.get(f"{MODELS}/line", status=401)
    app.get(f"{USERS}/ada", headers=admin, status=404)
    assert app.delete(f"{USERS}/ada", headers=admin, status=404).json["code"] == "user_unknown"
    with app.application.database.read() as connection:
        told = [event for event in event_store.page(connection, limit=100) if event.kind.startswith("user_")]
    assert [(event.kind, event.actor, event.reason) for event in reversed(told)] == [
        ("user_added", "key:root", ""),
        ("user_changed", "key:root", "moved"),
        ("user_changed", "key:root", ""),
        ("user_password_changed", "key:root", ""),
        ("user_removed", "key:root", "left"),
    ]
    assert told[2].before == {"name": "ada", "roles": ["predict"], "models": None}
    assert told[2].after == {"name": "ada", "roles": ["observe"], "models": ["line"]}


def test_a_lock_is_seen_and_a_new_password_ends_it(tmp_path: Path) -> None:
    with guarded(tmp_path, login__failures="2") as app:
        admin = bearer(make_key(app.application, "admin"))
        app.post_json(USERS, ADA, headers=admin, status=201)
        for _ in range(2):
            log_in(app, "ada", "wrong", status=403)
        assert app.get(f"{USERS}/ada", headers=admin).json["locked_until"] > datetime.now(UTC).isoformat()
        app.patch_json(f"{USERS}/ada", {"password": PASSWORD}, headers=admin)
        assert app.get(f"{USERS}/ada", headers=admin).json["locked_until"] is None


@pytest.mark.parametrize("role", ["predict", "observe", "operate"])
def test_only_an_administrator_has_to_do_with_callers(app: Served, role: str) -> None:
    headers = bearer(make_key(app.application, role))
    for address in (KEYS, USERS, f"{KEYS}/{'a' * 12}", f"{USERS}/ada"):
        assert "needs the role admin" in app.get(address, headers=headers, status=403).json["detail"]
        app.get(address, status=401)
    app.post_json(KEYS, NEW, headers=headers, status=403)
    app.post_json(USERS, ADA, headers=headers, status=403)
    app.patch_json(f"{USERS}/ada", {"roles": ["admin"]}, headers=headers, status=403)


def test_an_administrator_of_a_model_has_to_do_with_that_model_s_callers_only(
    app: Served, admin: Headers, bound: Headers
) -> None:
    whole = app.post_json(KEYS, NEW, headers=admin, status=201).json
    for models in (None, ["other"], ["line", "other"]):
        for address, body in ((KEYS, {**NEW, "name": "new"}), (USERS, ADA)):
            refused = app.post_json(address, {**body, "models": models}, headers=bound, status=403)
            assert refused.json["detail"] == "This key is for line only, and so is what it makes: name the models."
    app.post_json(KEYS, {**NEW, "name": "new"}, headers=bound, status=403)
    # Of one name they would be one caller, in the records and before the rate limit.
    refused = app.post_json(KEYS, {**NEW, "models": ["line"]}, headers=bound, status=403)
    assert "keys of one name are one caller" in refused.json["detail"]
    own = app.post_json(KEYS, {"name": "new", "roles": ["admin"], "models": ["line"]}, headers=bound, status=201)
    app.get(f"{MODELS}/other", headers=bearer(own.json["key"]), status=403)
    assert [key["name"] for key in app.get(KEYS, headers=bound).json["keys"]] == ["new", "bound"]
    for verb in (app.get, app.delete):
        assert verb(f"{KEYS}/{whole['id']}", headers=bound, status=404).json["code"] == "key_unknown"
    app.get(MODELS, headers=bearer(whole["key"]))

    app.post_json(USERS, ADA, headers=admin, status=201)
    assert app.get(USERS, headers=bound).json == {"users": []}
    for verb in (app.get, app.delete):
        verb(f"{USERS}/ada", headers=bound, status=404)
    app.patch_json(f"{USERS}/ada", {"password": PASSWORD * 2}, headers=bound, status=404)
    app.post_json(USERS, {**ADA, "name": "eve", "models": ["line"]}, headers=bound, status=201)
    app.patch_json(f"{USERS}/eve", {"models": None}, headers=bound, status=403)
    app.patch_json(f"{USERS}/eve", {"roles": ["admin"]}, headers=bound)
    assert [user["models"] for user in app.get(USERS, headers=bound).json["users"]] == [["line"]]


def test_the_last_administrator_is_not_taken_away_by_accident(app: Served, admin: Headers) -> None:
    (root,) = [key["id"] for key in app.get(KEYS, headers=admin).json["keys"] if key["name"] == "root"]
    refused = app.delete(f"{KEYS}/{root}", headers=admin, status=409)
    assert refused.json["code"] == "last_admin"
    soon_gone = {"name": "old", "roles": ["admin"], "expires_at": "2999-01-01T00:00:00Z"}
    old = app.post_json(KEYS, soon_gone, headers=admin, status=201).json
    with app.application.database.write() as connection:
        connection.execute(api_keys.update().where(api_keys.c.id == old["id"]).values(expires_at=datetime.now(UTC)))
    app.delete(f"{KEYS}/{root}", headers=admin, status=409)
    app.delete(f"{KEYS}/{old['id']}", headers=admin)

    app.post_json(USERS, {**ADA, "roles": ["admin"]}, headers=admin, status=201)
    app.delete(f"{KEYS}/{root}", headers=admin)
    app.get(KEYS, headers=admin, status=401)
    log_in(app, "ada", status=303)
    here = {"Origin": "http://localhost"}
    for change in ({"roles": ["operate"]}, {"models": ["line"]}):
        assert app.patch_json(f"{USERS}/ada", change, headers=here, status=409).json["code"] == "last_admin"
    app.delete(f"{USERS}/ada", headers=here, status=409)
    assert app.get(f"{USERS}/ada").json["roles"] == ["admin"]
    app.patch_json(f"{USERS}/ada", {"roles": ["admin", "predict"]}, headers=here)
    app.post_json(KEYS, {**NEW, "roles": ["admin"]}, headers=here, status=201)
    app.delete(f"{USERS}/ada", headers=here)


def test_a_session_makes_no_key_from_a_page_of_another_site(app: Served) -> None:
    make_user(app.application, "ada", "admin")
    log_in(app, "ada", status=303)
    for headers in ({}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        app.post_json(KEYS, NEW, headers=headers, status=401)
        app.delete(f"{USERS}/ada", headers=headers, status=401)
    assert events(app.application, "key_created") == []


def test_what_is_wrong_with_a_new_key_is_told_at_once(app: Served, admin: Headers) -> None:
    def wrong(body: Any) -> list[tuple[str, str]]:
        answer = app.post_json(KEYS, body, headers=admin, status=422)
        return [(problem["pointer"], problem["code"]) for problem in answer.json["errors"]]

    assert wrong({}) == [("/name", "required"), ("/roles", "required")]
    bad = {"name": "a b", "roles": ["root"], "models": ["Ä"], "expires_at": "soon", "reason": "\0", "a/~b": 1}
    assert wrong(bad) == [
        ("/a~1~0b", "unknown_field"),
        ("/name", "invalid"),
        ("/roles/0", "category"),
        ("/models/0", "category"),
        ("/expires_at", "invalid"),
        ("/reason", "nul"),
    ]
    bad = {"name": 1, "roles": [], "models": {}, "expires_at": 1, "reason": "x" * 2001}
    assert [code for _, code in wrong(bad)] == ["type", "empty", "type", "type", "length"]
    bad = {**NEW, "models": [], "reason": None, "expires_at": "2020-01-01T00:00:00Z"}
    assert [code for _, code in wrong(bad)] == ["empty", "range", "type"]
    for time in ("2999-01-01", "2999-02-30T00:00:00Z", "9999-12-31T23:59:59-10:00"):
        assert [code for _, code in wrong({**NEW, "expires_at": time})] == ["invalid"]
    assert len(app.get(KEYS, headers=admin).json["keys"]) == 1


SECRET = "a-password-of-somebody"


@pytest.mark.parametrize(
    "body",
    [
        {**ADA, "password": [SECRET]},
        {**ADA, "password": SECRET[:11]},
        {**ADA, "password": SECRET * 100},
        {**ADA, "pasword": SECRET},
        {"name": "ada", "roles": ["observe"], "Password": SECRET},
        {**ADA, "password": {SECRET: SECRET}},
    ],
)
def test_no_answer_repeats_what_may_be_a_password(app: Served, admin: Headers, body: dict[str, Any]) -> None:
    answers = [app.post_json(USERS, body, headers=admin, status=422)]
    app.post_json(USERS, ADA, headers=admin, status=201)
    given = {name: value for name, value in body.items() if name not in ("name", "roles")}
    answers.append(app.patch_json(f"{USERS}/ada", given, headers=admin, status=422))
    assert all(SECRET[:11] not in answer.text for answer in answers)


def test_while_nobody_needs_a_key_none_is_made(tmp_path: Path) -> None:
    """Whoever could make one then would have it when keys are asked for."""
    with guarded(tmp_path, auth__enabled="false") as app:
        for answer in (
            app.post_json(KEYS, {**NEW, "roles": ["admin"]}, status=409),
            app.post_json(USERS, {**ADA, "roles": ["admin"]}, status=409),
            app.get(KEYS, status=409),
            app.get(USERS, status=409),
            app.delete(f"{KEYS}/{'a' * 12}", status=409),
        ):
            assert answer.json["code"] == "auth_off"
            assert "mlserve.auth.enabled" in answer.json["detail"]
        with app.application.database.read() as connection:
            assert connection.execute(api_keys.select()).all() == []


@pytest.mark.slow
def test_another_process_lets_a_new_key_in_and_a_revoked_or_expired_one_out_within_a_second(tmp_path: Path) -> None:
    """With the usual interval; a second, and what the look itself takes on a busy machine."""
    settings = {"database__url": f"sqlite:///{tmp_path}/both.db"}
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with guarded(tmp_path / "one", **settings) as one, guarded(tmp_path / "two", **settings) as two:
        admin = bearer(make_key(one.application, "admin"))
        made = one.post_json(KEYS, NEW, headers=admin, status=201).json

        def status() -> int:
            code: int = two.get(MODELS, headers=bearer(made["key"]), status="*").status_int
            return code

        until(lambda: status() == 200, seconds=2)
        one.delete(f"{KEYS}/{made['id']}", headers=admin)
        until(lambda: status() == 401, seconds=2)
        end = datetime.now(UTC) + timedelta(seconds=1.5)
        made = one.post_json(KEYS, {**NEW, "expires_at": end.isoformat()}, headers=admin, status=201).json
        until(lambda: status() == 200, seconds=2)
        until(lambda: status() == 401, seconds=3)
        assert timedelta(0) <= datetime.now(UTC) - end < timedelta(seconds=1)
        one.get(MODELS, headers=bearer(made["key"]), status=401)
        one.post_json(USERS, ADA, headers=admin, status=201)
        log_in(two, "ada", status=303)
        one.delete(f"{USERS}/ada", headers=admin)
        until(lambda: two.get(MODELS, status="*").status_int == 401, seconds=2)
