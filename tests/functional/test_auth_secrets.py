"""Secrets stay secret: after everything was used, rightly and wrongly, no key, password or cookie stands anywhere."""

import re
from pathlib import Path

from click.testing import CliRunner

from mlserve.cli import main
from tests.factories import linear_model
from tests.functional.servers import Answer, Client, served

PASSWORD = "correct-horse-battery-staple"
WRONG = "wrong-horse-battery-staple"
BODY = {"instances": [{"x": 1.0, "y": 2.0}]}
PREDICTIONS = "/api/v1/models/line/predictions"
FORM = "application/x-www-form-urlencoded"


def verb(*arguments: object, stdin: str | None = None) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def test_no_secret_is_in_logs_answers_metrics_or_files(tmp_path: Path) -> None:
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
        key = verb("keys", "create", ini, "app", "--role", "operate")
        verb("users", "add", ini, "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD)
        shown = [verb("keys", "list", ini), verb("users", "list", ini)]
        stranger = key[:-6] + "AAAAAA"

        def call(method: str, path: str, body: object = None, **headers: str) -> Answer:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            answers.append(server.call(method, path, body, headers))
            return answers[-1]

        deadline = 500
        while call("GET", "/api/v1/models", Authorization=f"Bearer {key}").status != 200:
            deadline -= 1
            assert deadline
        for text in (key, stranger):
            for headers in ({"Authorization": f"Bearer {text}"}, {"X-API-Key": text}):
                call("GET", "/metrics", **headers)
                call("POST", PREDICTIONS, BODY, **headers)
                call("POST", PREDICTIONS, {"instances": [{"x": text}]}, **{**headers, "Accept": "text/html"})
                call("GET", "/api/v1/models/none", **headers)
                call("GET", "/models/line", **headers, Accept="text/html")
        cookie = login(server.address, answers, "ada", WRONG)
        assert cookie is None
        cookie = login(server.address, answers, "ada", PASSWORD)
        assert cookie is not None
        call("GET", "/models/line", Accept="text/html", Cookie=f"mlserve_session={cookie}")
        call("GET", "/predictions/none", Accept="text/html", Cookie=f"mlserve_session={cookie}")
        call("GET", "/models/line", Accept="text/html", Cookie=f"mlserve_session={cookie[:-3]}")
        assert verb("keys", "revoke", ini, "app") == f"Revoked: {'_'.join(key.split('_')[:2])}."
        server.terminate()
        assert server.ended() == 0
        said = "\n".join(server.lines)

    secrets = [key.split("_", 2)[2], stranger.split("_", 2)[2], PASSWORD, WRONG, cookie]
    # What a caller sent as the value of a field is shown to that caller as what was wrong.
    own = [answer.body.decode() for answer in answers if b'"got"' not in answer.body]
    files = [path.read_bytes().decode("latin-1") for path in (tmp_path / "var").rglob("*") if path.is_file()]
    session_key = (tmp_path / "var" / "session.key").read_text()
    for secret in secrets:
        for where, texts in (("logs", [said]), ("answers", own), ("the terminal", shown), ("files", files)):
            assert not any(secret in text for text in texts), where
    assert not any(session_key in text for text in [said, *own, *shown])
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "var").iterdir() if path.is_file()}
    assert {modes["session.key"], modes["access.json"], modes["mlserve.db"]} == {0o600}


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
    told = dict(response.getheaders())
    answers.append(Answer(response.status, told, response.read()))
    client.close()
    found = re.search(r"mlserve_session=([^;]+)", told.get("Set-Cookie", ""))
    return found[1] if found else None
