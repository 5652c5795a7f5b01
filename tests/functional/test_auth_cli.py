"""`mlserve keys` and `mlserve users`: what they print, what they refuse, and what they leave behind."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mlserve import events
from mlserve.cli import main
from mlserve.cli.actor import actor
from mlserve.db.engine import open_database

PASSWORD = "correct horse battery"


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    path = tmp_path / "server.ini"
    path.write_text("[app:main]\nuse = egg:pyramid-mlserve\n")
    run("db upgrade", path)
    return path


def run(verb: str, *arguments: object, stdin: str | None = None, status: int = 0) -> Result:
    done = CliRunner().invoke(main, [*verb.split(), *map(str, arguments)], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done


def history(ini: Path) -> list[tuple[str, str, str]]:
    database = open_database(f"sqlite:///{ini.parent}/var/mlserve.db")
    with database.read() as connection:
        found = [(event.kind, event.actor, event.reason) for event in reversed(events.page(connection))]
    database.close()
    return found


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(ini: Path) -> None:
    given = ("--role", "predict", "--model", "line", "--expires", "90d", "--reason", "shop")
    made = run("keys create", ini, "billing", *given)
    text = made.stdout.strip()
    assert re.fullmatch(r"mls_[a-z0-9]{12}_[\w-]{43}", text)
    assert "cannot be shown again" in made.stderr
    shown = text.rpartition("_")[0] if text.count("_") == 2 else "_".join(text.split("_")[:2])
    listed = run("keys list", ini).stdout
    assert re.search(rf"{shown} +billing +predict +line +\d.* {re.escape(actor())} +never +works until", listed)
    assert text.split("_", 2)[2] not in listed
    assert run("keys revoke", ini, shown, "--reason", "left").stdout == f"Revoked: {shown}.\n"
    assert f"by {actor()}" in run("keys list", ini).stdout.splitlines()[1]
    assert "There is no key" in run("keys revoke", ini, shown, status=1).output
    assert history(ini) == [("key_created", actor(), "shop"), ("key_revoked", actor(), "left")]


def test_a_model_that_nobody_knows_is_told(ini: Path) -> None:
    for verb, options in (("keys create", {}), ("users add", {"stdin": PASSWORD})):
        stdin = ["--password-stdin"] if options else []
        done = run(verb, ini, "billing", "--role", "predict", "--model", "lime", *stdin, **options)
        assert "There is no model 'lime' yet." in done.stderr


def test_without_tables_the_verb_that_makes_them_is_named(tmp_path: Path) -> None:
    path = tmp_path / "new.ini"
    path.write_text("[app:main]\nuse = egg:pyramid-mlserve\n")
    (tmp_path / "var").mkdir()
    for verb in ("webhooks list", "keys list"):
        assert "Run `mlserve db upgrade` with this INI." in run(verb, path, status=1).stderr


def test_a_name_revokes_all_its_keys(ini: Path) -> None:
    for _ in range(2):
        run("keys create", ini, "billing", "--role", "predict")
    run("keys create", ini, "other", "--role", "predict")
    assert run("keys revoke", ini, "billing").stdout.count("mls_") == 2
    assert [line.split()[-1] for line in run("keys list", ini).stdout.splitlines()[1:]].count("works") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a b", "--role", "predict"], "at most 100 letters"),
        (["app"], "Missing option '--role'"),
        (["app", "--role", "root"], "'root' is not one of"),
        (["app", "--role", "predict", "--model", "Ä"], "is not a model's name"),
        (["app", "--role", "predict", "--expires", "soon"], "a duration with its unit"),
        (["app", "--role", "predict", "--expires", "0s"], "of at least 1s"),
    ],
)
def test_what_makes_no_key(ini: Path, arguments: list[str], says: str) -> None:
    assert says in " ".join(run("keys create", ini, *arguments, status=2).output.split())
    assert run("keys list", ini).stdout.splitlines()[1:] == []


def test_a_user_is_added_listed_given_another_password_and_removed(ini: Path) -> None:
    given = ("--role", "observe", "--role", "predict", "--password-stdin", "--reason", "new")
    run("users add", ini, "ada", *given, stdin=f"{PASSWORD}\n")
    assert re.search(r"ada +observe, predict +all +\d.* never +may log in", run("users list", ini).stdout)
    again = run("users add", ini, "ada", "--role", "observe", "--password-stdin", stdin=PASSWORD, status=1)
    assert "There is a user 'ada' already." in again.output
    run("users password", ini, "ada", "--reason", "lost", stdin=f"{PASSWORD}2\n{PASSWORD}2\n")
    run("users remove", ini, "ada", "--reason", "left")
    for verb in ("users remove", "users password"):
        assert "There is no user 'ada'" in run(verb, ini, "ada", stdin=f"{PASSWORD}\n{PASSWORD}\n", status=1).output
    told = [(kind, reason) for kind, _, reason in history(ini)]
    assert told == [("user_added", "new"), ("user_password_changed", "lost"), ("user_removed", "left")]


def test_a_short_password_is_refused_and_none_is_echoed(ini: Path) -> None:
    done = run("users add", ini, "ada", "--role", "observe", stdin="short-one\nshort-one\n", status=2)
    assert "The password has 9 characters: take at least 12" in done.output
    assert "short-one" not in done.output
