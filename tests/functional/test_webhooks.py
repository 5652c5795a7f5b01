"""Who is told what happens: signed, at least once, by whichever process gets to it, and never at a caller's cost."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from mlserve.cli import main
from mlserve.db.engine import Database, open_database
from mlserve.errors import ConfigurationError
from mlserve.events import Author
from mlserve.events.tables import deliveries, webhooks
from tests.factories import Served, linear_model, serving, settings_of, until
from tests.functional.registering import bundle, move, register
from tests.functional.servers import Server
from tests.functional.test_metrics import told
from tests.unit.webhooks.receiver import SECRET, Message, Receiver, hook_settings, receiving

# What a first start with one model does.
BEGUN = [("version_registered", "line"), ("alias_moved", "line")]
QUICK = {"delivery__interval": "20ms", "health__interval": "20ms", "metrics__interval": "20ms"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as it:
        yield it


@pytest.fixture
def settings(tmp_path: Path, receiver: Receiver) -> dict[str, str]:
    plain = settings_of(tmp_path, models={"line": linear_model(tmp_path)}, **QUICK)
    return {**plain, **hook_settings(tmp_path, receiver)}


def ini_of(folder: Path, settings: dict[str, str], name: str = "verbs.ini") -> str:
    lines = "\n".join(f"{key} = {value}" for key, value in settings.items())
    (folder / name).write_text(f"[app:main]\nuse = egg:pyramid-mlserve\n{lines}\n")
    return str(folder / name)


def verb(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(main, ["webhooks", *arguments])
    assert done.exit_code == status, done.output
    return done.output


def hurry(database: Database) -> None:
    """Let what waits for its next attempt, or for a claim to run out, be due now."""
    with database.write() as connection:
        connection.execute(update(deliveries).where(deliveries.c.state == "due").values(next_at=datetime.now(UTC)))


def health(app: Served, name: str = "ops") -> tuple[str, str, int]:
    check = app.get("/health/ready", status="*").json["checks"]["webhooks"]
    hook = check.get("webhooks", {}).get(name, {"state": "", "due": -1})
    return check["state"], hook["state"], hook["due"]


def test_what_happens_is_told_signed_and_as_rest_shows_it(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    with serving(settings) as app:
        until(lambda: receiver.events == BEGUN)
        register(app, bundle(tmp_path, intercept=2.0))
        move(app, 2, reason="better")
        until(lambda: len(receiver.messages) == 4)
        listed = app.get("/api/v1/events").json["events"]
        said = [message.verified() for message in receiver.messages]
        assert [it["data"] for it in reversed(said)] == listed
        assert [message.id for message in reversed(receiver.messages)] == [event["id"] for event in listed]
        assert (said[3]["type"], said[3]["timestamp"]) == ("alias_moved", listed[0]["at"])
        assert said[3]["data"]["reason"] == "better"
        until(lambda: health(app) == ("ok", "active", 0))
        until(lambda: told(app)["mlserve_webhook_attempt_duration_seconds_count", "delivered", "ops"] == 4)
        found = told(app)
        assert found["mlserve_webhook_attempt_duration_seconds_count", "failed", "ops"] == 0
        assert found["mlserve_webhook_due_deliveries", "ops"] == 0


def test_what_a_command_does_is_told_also_where_its_ini_has_no_webhook(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    ini = ini_of(tmp_path, {key: value for key, value in settings.items() if ".webhooks." not in key})
    with serving(settings):
        until(lambda: len(receiver.messages) == 2)
        done = CliRunner().invoke(main, ["keys", "create", ini, "app", "--role", "observe"])
        assert done.exit_code == 0, done.output
        until(lambda: len(receiver.messages) == 3)
    assert receiver.events[2] == ("key_created", None)
    assert done.stdout.strip() not in receiver.messages[2].body.decode()


def test_while_no_server_runs_what_happens_waits(settings: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    with serving(settings):
        until(lambda: len(receiver.messages) == 2)
    ini = ini_of(tmp_path, settings)
    CliRunner().invoke(main, ["keys", "create", ini, "app", "--role", "observe"], catch_exceptions=False)
    assert len(receiver.messages) == 2
    with serving(settings):
        until(lambda: len(receiver.messages) == 3)


def test_what_is_not_taken_is_sent_again_the_same(settings: dict[str, str], receiver: Receiver) -> None:
    receiver.answer = lambda message: (500 if len(receiver.messages) == 1 else 200, {})
    with serving(settings) as app:
        until(lambda: len(receiver.messages) == 2)
        until(lambda: health(app)[2] == 1)
        until(lambda: told(app).get(("mlserve_ready",)) == 1)
        hurry(app.application.database)
        until(lambda: len(receiver.messages) == 3)
        until(lambda: health(app) == ("ok", "active", 0))
    first, other, again = receiver.messages
    assert (first.id, first.body) == (again.id, again.body) != (other.id, other.body)
    assert first.verified() == again.verified()


def test_a_webhook_that_does_not_answer_holds_up_no_other(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    release = threading.Event()
    with receiving() as slow:
        slow.answer = lambda message: (200 if release.wait(20) else 500, {})
        with serving({**settings, **hook_settings(tmp_path, slow, "slow")}) as app:
            until(lambda: len(receiver.messages) == 2)
            until(lambda: len(slow.messages) == 1)
            # Nor is the database held meanwhile, nor a caller.
            register(app, bundle(tmp_path, intercept=2.0))
            until(lambda: len(receiver.messages) == 3)
            assert len(slow.messages) == 1
            release.set()
            until(lambda: len(slow.messages) == 3)


def test_filters_choose_kinds_and_models(settings: dict[str, str], tmp_path: Path) -> None:
    settings["mlserve.models.other"] = str(linear_model(tmp_path, "other", intercept=2.0))
    with receiving() as some:
        some_settings = hook_settings(tmp_path, some, "some", events="alias_moved", models="other")
        with serving({**settings, **some_settings}) as app:
            until(lambda: some.events == [("alias_moved", "other")])
            until(lambda: health(app, "some") == ("ok", "active", 0))


def test_two_servers_on_one_database_tell_each_event_once(
    settings: dict[str, str], receiver: Receiver, database_url: str, tmp_path: Path
) -> None:
    settings["mlserve.database.url"] = database_url
    if database_url.startswith("postgresql"):
        from mlserve.db import migrate

        migrate.upgrade(database_url, ["mlserve_linear:migrations"])
    with ExitStack() as stack:
        apps = [stack.enter_context(serving({**settings, "mlserve.var": str(tmp_path / name)})) for name in "ab"]
        for number in range(10):
            make_key(apps[number % 2], f"app-{number}")
        until(lambda: len({message.id for message in receiver.messages}) == 12)
        until(lambda: all(health(app) == ("ok", "active", 0) for app in apps))
    assert len(receiver.messages) == 12


def make_key(app: Served, name: str) -> None:
    from mlserve.auth import keys

    with app.application.database.write() as connection:
        keys.create(connection, name, ["observe"], Author("cli:test"))


@pytest.mark.slow
def test_who_is_killed_between_answer_and_mark_sends_again(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    killed = threading.Event()

    def answer(message: Message) -> tuple[int, dict[str, str]]:
        # The receiver has taken it; what it answers finds nobody.
        os.kill(server.process.pid or 0, signal.SIGKILL)
        server.process.join()
        killed.set()
        return 200, {}

    receiver.answer = lambda message: answer(message) if not killed.is_set() else (200, {})
    with Server(tmp_path / "server.ini", settings) as server:
        server.launch()
        assert killed.wait(20)
        database = open_database(f"sqlite:///{tmp_path}/var/mlserve.db")
        hurry(database)
        database.close()
        server.start()
        until(lambda: len(receiver.messages) == 3)
        server.terminate()
        assert server.ended() == 0
    first = receiver.messages[0]
    again = [message for message in receiver.messages[1:] if message.id == first.id]
    assert [message.verified() for message in again] == [first.verified()]


def test_after_long_failure_it_is_disabled_shown_and_enabled_again(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answer = lambda message: (500, {})
    ini = ini_of(tmp_path, settings)
    with serving(settings) as app:
        until(lambda: health(app) == ("degraded", "failing", 2))
        with app.application.database.write() as connection:
            connection.execute(update(webhooks).values(failing_since=datetime.now(UTC) - timedelta(days=6)))
        hurry(app.application.database)
        until(lambda: health(app) == ("degraded", "disabled", 2))
        assert app.get("/health/ready").status_int == 200
        assert told(app)["mlserve_webhook_due_deliveries", "ops"] == 2
        event = app.get("/api/v1/events").json["events"][0]
        assert (event["kind"], event["actor"], event["after"]["error"]) == ("webhook_disabled", "webhooks", "HTTP 500")
        assert "disabled 20" in verb("list", ini)
        assert "HTTP 500" in verb("list", ini)
        count = len(receiver.messages)
        make_key(app, "unheard")
        receiver.answer = lambda message: (200, {})
        assert verb("enable", ini, "ops", "--reason", "mended") == "ops is active; deliveries that are due: 2.\n"
        until(lambda: len(receiver.messages) == count + 3)
        until(lambda: health(app) == ("ok", "active", 0))
        assert receiver.events[-1] == ("webhook_enabled", None)
        assert app.get("/api/v1/events?kind=webhook_enabled").json["events"][0]["reason"] == "mended"
        assert ("key_created", None) not in receiver.events
    names = [record.message for record in caplog.records if record.name == "mlserve.webhooks"]
    assert names == ["webhook_failed", "webhook_disabled"]


def test_a_webhook_may_be_tried(settings: dict[str, str], receiver: Receiver, tmp_path: Path) -> None:
    ini = ini_of(tmp_path, settings)
    assert verb("test", ini, "ops").startswith("ops answered 204 in ")
    (message,) = receiver.messages
    assert (message.verified()["type"], message.verified()["data"]) == ("webhook_ping", {"webhook": "ops"})
    receiver.answer = lambda message: (404, {})
    assert verb("test", ini, "ops", status=1) == "Error: ops has not taken it: HTTP 404.\n"
    assert "no mlserve.webhooks.other in this INI" in verb("test", ini, "other", status=1)


def test_a_webhook_that_left_the_ini_is_listed_and_removed(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda message: (500, {})
    with serving(settings) as app:
        until(lambda: health(app)[1] == "failing")
    bare = {key: value for key, value in settings.items() if ".webhooks." not in key}
    ini = ini_of(tmp_path, bare)
    assert "failing since" in verb("list", ini)
    assert "not in this INI" in verb("list", ini)
    assert verb("remove", ini, "ops", "--reason", "gone") == "ops is removed, with 2 deliveries that were due.\n"
    assert "ops" not in verb("list", ini)
    assert "There is no webhook 'ops'" in verb("enable", ini, "ops", status=1)
    with serving(bare) as app:
        event = app.get("/api/v1/events").json["events"][0]
        assert (event["kind"], event["reason"], event["before"]) == (
            "webhook_removed",
            "gone",
            {"name": "ops", "due": 2},
        )
        assert "webhooks" not in app.get("/health/ready").json["checks"]
    assert "no server has started with it" in verb("list", ini_of(tmp_path, settings))


def test_neither_secret_nor_address_is_anywhere(
    settings: dict[str, str], receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ini = ini_of(tmp_path, settings)
    caplog.set_level("DEBUG")
    receiver.answer = lambda message: (500, {})
    settings["mlserve.webhooks.nowhere"] = "http://127.0.0.1:9/hook/t0ken"
    settings["mlserve.webhooks.nowhere.secret"] = settings["mlserve.webhooks.ops.secret"]
    with serving(settings) as app:
        until(lambda: health(app)[1] == health(app, "nowhere")[1] == "failing")
        pages = ["/", "/models/line", "/metrics", "/health/ready", "/api/v1/events", "/api/v1/events.atom"]
        shown = [app.get(path, headers={"Accept": "*/*"}).text for path in [*pages, "/api/v1/openapi.json"]]
    shown += [verb("list", ini), verb("test", ini, "ops", status=1), caplog.text]
    shown += [str(record.__dict__) for record in caplog.records if record.name.startswith("mlserve")]
    shown += [path.read_bytes().decode("latin-1") for path in (tmp_path / "var").rglob("*") if path.is_file()]
    for secret in (SECRET, SECRET[6:], "t0ken"):
        assert not [text for text in shown if secret in text], secret


def test_without_its_secret_nothing_starts(settings: dict[str, str], tmp_path: Path) -> None:
    path = Path(settings["mlserve.webhooks.ops.secret"])
    path.write_text("whsec_short")
    with (
        pytest.raises(ConfigurationError, match=r"mlserve\.webhooks\.ops\.secret is .* holds no secret"),
        serving(settings),
    ):
        raise AssertionError
    ini = tmp_path / "check.ini"
    server = "[server:main]\nuse = egg:pyramid-mlserve#waitress\nhost = 127.0.0.1\n"
    ini.write_text(Path(ini_of(tmp_path, settings)).read_text() + server)
    done = CliRunner().invoke(main, ["check", str(ini)])
    assert done.exit_code == 1
    assert "mlserve.webhooks.ops.secret is" in str(done.exception) + done.output
    path.unlink()
    with pytest.raises(ConfigurationError, match="which cannot be read"), serving(settings):
        raise AssertionError
