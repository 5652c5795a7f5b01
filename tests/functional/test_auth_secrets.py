"""Secrets stay secret: after everything was used, rightly and wrongly, no key, password or cookie stands anywhere."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import inspect, text

from mlserve.cli import main
from mlserve.db.engine import Database, open_database
from tests.factories import linear_model, until
from tests.functional import servers
from tests.functional.servers import Answer, Client, served

PASSWORD = "correct-horse-battery-staple"
OTHER = "another-horse-battery-staple"
WRONG = "wrong-horse-battery-staple"
BODY = {"instances": [{"x": 1.0, "y": 2.0}]}
KEYS, USERS = "/api/v1/keys", "/api/v1/users"
PREDICTIONS = "/api/v1/models/line/predictions"
FORM = "application/x-www-form-urlencoded"


def verb(*arguments: object, stdin: str | None = None) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_no_secret_is_in_logs_answers_metrics_files_or_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_INI", servers._INI.replace("level = {access}", "level = INFO"))
    settings = {
        "mlserve.plugins": "mlserve_linear",
        "mlserve.models.line": str(linear_model(tmp_path)),
        "mlserve.auth.enabled": "true",
        "mlserve.auth.interval": "20ms",
        "mlserve.auth.rate": "1000",
        "mlserve.log.way": "process",
    }
    ini = tmp_path / "server.ini"
    answers: list[Answer] = []
    with served(ini, settings) as server:
        key = verb("keys", "create", ini, "app", "--role", "admin")
        verb("users", "add", ini, "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD)
        shown = [verb("keys", "list", ini), verb("users", "list", ini)]

        def call(method: str, path: str, body: object = None, **headers: str) -> Answer:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            answers.append(server.call(method, path, body, headers))
            return answers[-1]

        own = {"Authorization": f"Bearer {key}"}
        until(lambda: call("GET", "/api/v1/models", **own).status == 200)
        made = server.call("POST", KEYS, {"name": "made", "roles": ["operate"]}, own).json
        minted, stranger = made["key"], key[:-6] + "AAAAAA"
        new = {"name": "eve", "password": OTHER, "roles": ["observe"]}
        assert call("POST", USERS, new, **own).status == 201
        for body in ({"password": OTHER}, {"password": OTHER[:11]}, {"pasword": OTHER}, {"password": [OTHER]}):
            call("PATCH", f"{USERS}/eve", body, **own)
        for secret in (key, minted, stranger):
            for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
                call("GET", "/metrics", **headers)
                call("POST", PREDICTIONS, BODY, **headers)
                call("GET", "/api/v1/models/none", **headers)
                call("GET", "/models/line", **headers, Accept="text/html")
                call("GET", "/api/v1/events?limit=1000", **headers)
                call("GET", "/api/v1/events.atom?limit=1000", **headers)
                call("GET", KEYS, **headers)
                call("GET", USERS, **headers)
            misplaced(call, secret, own)
        cookie = login(server.address, answers, "ada", WRONG)
        assert cookie is None
        cookie = login(server.address, answers, "ada", PASSWORD)
        assert cookie is not None
        call("GET", "/models/line", Accept="text/html", Cookie=f"mlserve_session={cookie}")
        call("GET", "/predictions/none", Accept="text/html", Cookie=f"mlserve_session={cookie}")
        call("GET", "/models/line", Accept="text/html", Cookie=f"mlserve_session={cookie[:-3]}")
        shown += [verb("keys", "revoke", ini, minted), verb("events", ini)]
        assert shown[-2] == f"Revoked: mls_{made['id']}."
        until(lambda: call("GET", "/metrics", Authorization=f"Bearer {minted}").status == 401)
        call("DELETE", f"{USERS}/eve", **own)
        server.terminate()
        assert server.ended() == 0
        said = "\n".join(server.lines)

    secrets = [*(one.split("_", 2)[2] for one in (key, minted, stranger)), PASSWORD, OTHER, WRONG, cookie]
    told = [answer.body.decode() + str(answer.headers) for answer in answers]
    files = [path.read_bytes().decode("latin-1") for path in (tmp_path / "var").rglob("*") if path.is_file()]
    database = open_database(f"sqlite:///{tmp_path}/var/mlserve.db")
    rows = content_of(database)
    database.close()
    assert "key_created" in rows
    assert '"event":"request"' in said
    session_key = (tmp_path / "var" / "session.key").read_text()
    places = {"logs": [said], "answers": told, "the terminal": shown, "files": files, "the database": [rows]}
    for where, texts in places.items():
        for secret in secrets:
            # The one answer that sets a cookie is not among these: `login` keeps its body alone.
            assert [one for one in texts if secret in one] == [], where
        assert where == "files" or not any(session_key in one for one in texts), where
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir() if path.is_file()}
    assert {modes["session.key"], modes["access.json"], modes["mlserve.db"]} == {0o600}


def misplaced(call, secret: str, own: dict[str, str]) -> None:
    """Send the key where none belongs: in paths and queries, under other schemes, as the id of a request."""
    ways = [
        ("GET", f"/metrics?key={secret}", {}),
        ("GET", "/metrics", {"Authorization": secret}),
        ("GET", "/metrics", {"Authorization": f"Basic {secret}"}),
        ("GET", "/metrics", {"Authorization": f"Bearer Bearer {secret}"}),
        ("GET", "/metrics", {"Cookie": f"mlserve_session={secret}"}),
        ("GET", f"/{secret}", own),
        ("GET", "/metrics", {"X-Request-Id": secret}),
        ("POST", PREDICTIONS, {**own, "X-Request-Id": secret}),
        ("DELETE", f"{KEYS}/{secret}", own),
        ("GET", f"{USERS}/{secret}", own),
    ]
    for method, path, headers in ways:
        answer = call(method, path, BODY if method == "POST" else None, **headers)
        assert answer.status in (200, 401, 404), (path, answer.status)


def content_of(database: Database) -> str:
    """Everything that the tables hold."""
    with database.read() as connection:
        names = inspect(connection).get_table_names()
        return "\n".join(str(row) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"')))


def login(address: tuple[str, int], answers: list[Answer], name: str, password: str) -> str | None:
    """The session's cookie, if there is one; by hand, as a browser does."""
    client = Client(address)
    page = client.call("GET", "/login", headers={"Accept": "text/html"})
    (token,) = re.findall(r'name="csrf_token" value="(\w+)"', page.body.decode())
    form = f"csrf_token={token}&next=&name={name}&password={password}"
    # The client writes JSON: the form goes past it.
    connection = client._connection
    headers = {"Content-Type": FORM, "Cookie": f"mlserve_csrf={token}", "Accept": "text/html"}
    connection.request("POST", "/login", form, headers)
    response = connection.getresponse()
    cookies = " ".join(response.headers.get_all("Set-Cookie", []))
    answers.append(Answer(response.status, {}, response.read()))
    client.close()
    found = re.search(r"mlserve_session=([^;]+)", cookies)
    return found[1] if found else None
