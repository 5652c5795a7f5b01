"""People: logging in and out, sessions and how they end, and who is locked out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from webtest import TestApp

from mlserve.auth import users
from mlserve.auth.passwords import Passwords
from mlserve.events import Author
from tests.factories import Served, until
from tests.functional.callers import PASSWORD, bearer, events, guarded, log_in, make_key, make_user

HTML = {"Accept": "text/html"}
# What a browser says of a form that stands on a page of this server.
HERE = {"Origin": "http://localhost"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Served]:
    with guarded(tmp_path, auth__interval="20ms", login__failures="3") as app:
        make_user(app.application, "ada", "operate")
        yield app


def cookie_of(answer) -> str:
    return next(value for value in answer.headers.getall("Set-Cookie") if value.startswith("mlserve_session="))


def test_a_browser_without_a_session_is_sent_to_the_form_and_back(app: Served) -> None:
    sent = app.get("/models/line?from=x", headers=HTML, status=303)
    assert sent.location == "http://localhost/login?next=%2Fmodels%2Fline%3Ffrom%3Dx"
    form = app.get(sent.location).forms["login"]
    form["name"], form["password"] = "ada", PASSWORD
    answer = form.submit(status=303)
    assert answer.location == "http://localhost/models/line?from=x"
    page = app.get("/models/line", headers=HTML)
    assert "Logged in as <bdi>ada</bdi>" in page.text


def test_the_cookie_is_for_this_server_s_pages_only_and_no_script_s(app: Served) -> None:
    cookie = cookie_of(log_in(app, "ada", status=303))
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"path=/", "httponly", "samesite=lax"}
    other = TestApp(app.app, extra_environ={"wsgi.url_scheme": "https", "HTTP_HOST": "localhost:443"})
    form = other.get("/login").forms["login"]
    form["name"], form["password"] = "ada", PASSWORD
    sent = form.submit(headers={"Origin": "https://localhost"}, status=303)
    assert "secure" in cookie_of(sent).lower()
    assert all("secure" in value.lower() for value in sent.headers.getall("Set-Cookie"))


def test_a_login_takes_nothing_over_that_somebody_has_put_into_the_browser(app: Served) -> None:
    """Neither a session nor a token that a page on a neighbouring host has set is good for anything afterwards."""
    make_user(app.application, "eve", "observe")
    stranger = TestApp(app.app)
    log_in(stranger, "eve", status=303)
    planted, token = stranger.cookies["mlserve_session"].strip('"'), "a" * 40
    app.set_cookie("mlserve_session", planted[:-4] + "AAAA")
    app.set_cookie("mlserve_csrf", token)
    answer = log_in(app, "ada", status=303)
    given = [value for value in answer.headers.getall("Set-Cookie") if value.startswith("mlserve_csrf=")]
    assert len(given) == 1
    assert token not in given[0]
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in given[0].split(";")}
    assert app.cookies["mlserve_session"].strip('"') != planted
    assert "Logged in as <bdi>ada</bdi>" in app.get("/", headers=HTML).text
    app.post("/logout", {"csrf_token": token}, status=400)
    page = app.get("/", headers=HTML)
    page.forms[0].submit(status=303)


@pytest.mark.parametrize("query", ["x=%ff", "next=%ff", "%ff=", "next=/&next=/", "next=%ed%a0%80"])
def test_a_login_of_no_readable_address_is_refused(app: Served, query: str) -> None:
    assert app.get(f"/login?{query}", status=400).json["code"] == "unreadable"
    page = app.get(f"/login?{query}", headers=HTML, status=400)
    assert page.html.h1


def test_a_cookie_that_cannot_be_read_is_no_session(app: Served) -> None:
    for cookie in ('mlserve_session="\\377"', 'other="\\377"'):
        headers = {"Cookie": cookie, **HTML}
        assert app.get("/", headers=headers, status=303).location.startswith("http://localhost/login")
        assert app.get("/api/v1/models", headers=headers, status=401).json["code"] == "unauthenticated"
        assert "remove its cookies" in app.get("/login", headers=headers, status=400).text
        app.post("/login", {"csrf_token": "x"}, headers=headers, status=400)


def test_a_visit_that_leads_to_the_login_is_no_refused_call(app: Served) -> None:
    """Nor is what a page does by script. Anything else is, even if a page would answer: a program, a key, a form."""

    def asked(address: str, status: int, verb: str = "GET", **headers: str) -> None:
        called = {name.replace("_", "-"): value for name, value in headers.items()}
        app.request("/models/line", method=verb, headers=called, status=status, environ={"REMOTE_ADDR": address})

    asked("192.0.2.1", 303, **HTML)
    asked("192.0.2.1", 303, "HEAD", **HTML)
    asked("192.0.2.1", 303, Cookie="mlserve_session=ended", **HTML)
    asked("192.0.2.1", 401, HX_Request="true")
    asked("192.0.2.2", 401)
    asked("192.0.2.3", 303, **HTML, **bearer("mls_guessed"))
    asked("192.0.2.4", 303, "POST", **HTML)
    until(lambda: len(events(app.application, "call_refused")) == 3)
    refused = {event.after["address"] for event in events(app.application, "call_refused")}
    assert refused == {"192.0.2.2", "192.0.2.3", "192.0.2.4"}
    assert app.application.counters.read()["calls_refused"] == 3


def test_the_history_tells_of_no_refused_call_unless_it_is_asked_for(app: Served) -> None:
    app.get("/api/v1/models/line", status=401)
    until(lambda: len(events(app.application, "call_refused")) == 1)
    log_in(app, "ada", status=303)
    page, history = app.get("/models/line", headers=HTML), "/api/v1/models/line/history"
    assert "version 1 registered" in page.text
    assert "call refused" not in page.text
    assert {event["kind"] for event in app.get(history).json["events"]} == {"alias_moved", "version_registered"}
    assert len(app.get(f"{history}?kind=call_refused").json["events"]) == 1
    assert "call_refused" in {event["kind"] for event in app.get("/api/v1/events?model=line").json["events"]}


def test_the_form_of_a_model_is_for_those_who_may_predict(app: Served) -> None:
    assert log_in(app, "ada", to="/models/line").follow().html.select_one("#try button:not([disabled])")
    make_user(app.application, "eve", "observe")
    stranger = TestApp(app.app)
    form = log_in(stranger, "eve", to="/models/line").follow(headers=HTML).html.find(id="try")
    button = form.find("button", disabled=True)
    assert button.text == "Predict"
    told = form.find(id=button["aria-describedby"]).text
    assert told == "This user has the role observe; this needs the role predict."


def test_the_code_of_a_page_sends_a_key(app: Served) -> None:
    log_in(app, "ada", status=303)
    page = app.get("/models/line", headers=HTML)
    assert '-H "Authorization: Bearer $MLSERVE_KEY"' in page.html.find(id="curl").text
    assert 'os.environ["MLSERVE_KEY"]' in page.html.find(id="python").text
    assert "MLSERVE_KEY" in page.html.find(id="code").p.text
    made = page.forms["try"].submit(headers=HERE)
    for found in (made.click("This prediction"), app.get("/models/line/predictions", headers=HTML)):
        commands = [found.html.find(id=name) for name in ("curl", "report") if found.html.find(id=name)]
        assert commands
        assert all('Bearer $MLSERVE_KEY"' in command.text for command in commands)


def test_a_program_without_a_session_is_told_so_and_not_sent_anywhere(app: Served) -> None:
    assert app.get("/models/line", status=401).json["code"] == "unauthenticated"
    scripted = app.get(
        "/models/line", headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/"}, status=401
    )
    assert scripted.headers["HX-Redirect"] == "/login?next=%2F"


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "\\/evil.example",
        "javascript:alert(1)",
        "/%0d%0aX: 1\r\nX: 1",
        "evil",
        "/ä",
    ],
)
def test_a_link_to_the_form_leads_nowhere_else(app: Served, to: str) -> None:
    answer = log_in(app, "ada", to=to, status=303)
    assert answer.location == "http://localhost/"
    assert app.get("/login", params={"next": to}, status=303).location == "http://localhost/"


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("", ""), ("ada", "x" * 5000)])
def test_what_is_wrong_is_not_told_apart(app: Served, name: str, password: str) -> None:
    page = log_in(app, name, password, status=403)
    assert "This name and this password do not belong together." in page.text
    assert password == "" or password not in page.text
    assert "Set-Cookie" not in page.headers or "mlserve_session" not in str(page.headers)
    app.get("/models/line", status=401)


def test_a_form_of_another_site_logs_nobody_in(app: Served) -> None:
    form = app.get("/login").forms["login"]
    form["name"], form["password"] = "ada", PASSWORD
    assert "another site" in form.submit(headers={"Origin": "http://evil.example"}, status=400).text
    form["csrf_token"] = "0" * 32
    assert "token" in form.submit(status=400).text
    app.get("/models/line", status=401)


def test_logging_out_ends_the_session_of_this_browser_by_post_only(app: Served) -> None:
    log_in(app, "ada", status=303)
    page = app.get("/", headers=HTML)
    app.get("/logout", status=405)
    app.post("/logout", {"csrf_token": "x"}, status=400)
    app.get("/", headers=HTML, status=200)
    form = page.forms[0]
    assert form.submit(status=303).location == "http://localhost/login"
    app.get("/", headers=HTML, status=303)


def test_a_session_predicts_by_the_form_and_is_the_caller(app: Served) -> None:
    log_in(app, "ada", status=303)
    page = app.get("/models/line", headers=HTML)
    answer = page.forms["try"].submit(headers={**HTML, **HERE})
    (identity,) = {link.split("/")[-1] for link in answer.html.find(id="answer").find("a")["href"].split("?")[:1]}
    headers = bearer(make_key(app.application, "observe"))
    assert app.get(f"/predictions/{identity}", headers={**headers, "Accept": "application/json"}).json["caller"] == (
        "user:ada"
    )


def test_who_may_only_observe_sees_and_does_nothing(app: Served) -> None:
    make_user(app.application, "eve", "observe")
    log_in(app, "eve", status=303)
    page = app.get("/models/line", headers=HTML)
    refused = page.forms["try"].submit(headers={**HTML, **HERE}, status=403)
    assert "This user has the role observe; this needs the role predict." in refused.text
    assert "<h1>Forbidden</h1>" in refused.text


def test_a_session_changes_nothing_by_the_api_unless_a_page_of_ours_asks(app: Served) -> None:
    log_in(app, "ada", status=303)
    address, body = "/api/v1/models/line/predictions", {"instances": [{"x": 1.0, "y": 2.0}]}
    app.get(address)
    app.post_json(address, body, status=401)
    app.post_json(address, body, headers={"Origin": "http://evil.example"}, status=401)
    app.post_json(address, body, headers={"Sec-Fetch-Site": "same-site"}, status=401)
    app.post_json(address, body, headers={"Origin": "http://localhost"})
    app.post_json(address, body, headers={"Sec-Fetch-Site": "same-origin"})


def test_a_changed_cookie_is_no_session(app: Served) -> None:
    log_in(app, "ada", status=303)
    value = app.cookies["mlserve_session"].strip('"')
    other = "B" if value[0] == "A" else "A"
    for changed in (value[:-4] + "AAAA", other + value[1:], "x", "", value + "A" * 5000, "ä"):
        app.set_cookie("mlserve_session", changed.encode().decode("latin-1"))
        app.get("/api/v1/models", status=401)
    app.set_cookie("mlserve_session", value)
    app.get("/api/v1/models")


def test_a_new_password_ends_the_sessions_of_the_old_one(app: Served) -> None:
    log_in(app, "ada", status=303)
    app.get("/", headers=HTML, status=200)
    with app.application.database.write() as connection:
        users.set_password(connection, "ada", Passwords().hash("another long one"), Author("cli:test"))
    until(lambda: app.get("/", headers=HTML, status="*").status_int == 303)
    log_in(app, "ada", status=403)
    log_in(app, "ada", "another long one", status=303)


def test_a_removed_user_is_out(app: Served) -> None:
    log_in(app, "ada", status=303)
    with app.application.database.write() as connection:
        users.remove(connection, "ada", Author("cli:test"))
    until(lambda: app.get("/", headers=HTML, status="*").status_int == 303)
    assert [event.kind for event in events(app.application, "user_removed")] == ["user_removed"]


def test_a_session_ends_when_nothing_is_asked_and_goes_on_otherwise(tmp_path: Path) -> None:
    with guarded(tmp_path, session__idle="1h", session__lifetime="2h") as app:
        make_user(app.application, "ada", "observe")
        now = [1_000_000.0]
        app.application.policy.access.sessions._clock = lambda: now[0]
        log_in(app, "ada", status=303)
        assert "Set-Cookie" not in app.get("/api/v1/models").headers
        now[0] += 3000
        assert "mlserve_session" in app.get("/api/v1/models").headers["Set-Cookie"]
        now[0] += 3000
        app.get("/api/v1/models")
        now[0] += 1500  # 7,500 s in all: beyond the lifetime
        app.get("/api/v1/models", status=401)
        log_in(app, "ada", status=303)
        now[0] += 3601
        app.get("/api/v1/models", status=401)


def test_too_many_failures_lock_a_name_wherever_they_come_from(app: Served) -> None:
    for number in range(3):
        other = TestApp(app.app, extra_environ={"REMOTE_ADDR": f"192.0.2.{number}"})
        log_in(other, "ada", "wrong", status=403)
    locked = log_in(app, "ada", status=429)
    assert "Too many logins have failed" in locked.text
    assert 0 < int(locked.headers["Retry-After"]) <= 300
    assert [event.after["name"] for event in events(app.application, "user_locked")] == ["ada"]


def test_a_name_that_nobody_has_is_locked_alike(app: Served) -> None:
    for number in range(3):
        other = TestApp(app.app, extra_environ={"REMOTE_ADDR": f"192.0.2.{number}"})
        log_in(other, "nobody", "wrong", status=403)
    log_in(app, "nobody", "wrong", status=429)
    log_in(app, "ada", status=303)


def test_too_many_failures_lock_an_address_whatever_the_names(app: Served) -> None:
    for name in ("a", "b", "c"):
        log_in(app, name, "wrong", status=403)
    log_in(app, "ada", status=429)
    elsewhere = TestApp(app.app, extra_environ={"REMOTE_ADDR": "192.0.2.9"})
    log_in(elsewhere, "ada", status=303)


def test_a_lock_ends_with_its_time_and_with_a_new_password(tmp_path: Path) -> None:
    with guarded(tmp_path, login__failures="1", login__lock="1s") as app:
        make_user(app.application, "ada", "observe")
        log_in(app, "ada", "wrong", status=403)
        log_in(app, "ada", status=429)
        until(lambda: log_in(app, "ada", status="*").status_int == 303)


def test_another_process_with_the_same_key_knows_the_session(tmp_path: Path) -> None:
    with guarded(tmp_path) as app:
        make_user(app.application, "ada", "observe")
        log_in(app, "ada", status=303)
        value = app.cookies["mlserve_session"].strip('"')
    with guarded(tmp_path) as again:
        again.set_cookie("mlserve_session", value)
        again.get("/api/v1/models")
