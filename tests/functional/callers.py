"""Applications that ask for keys, and the keys and users that tests call them with."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from mlserve.application import Application
from mlserve.auth import keys, users
from mlserve.auth.passwords import Passwords
from mlserve.events import Author
from tests.factories import Served, linear_model, serving, settings_of

PASSWORD = "correct horse battery"


@contextmanager
def guarded(folder: Path, **settings: str) -> Iterator[Served]:
    """An application with the models `line` and `other` that asks for keys."""
    models = {"line": linear_model(folder), "other": linear_model(folder, "other", intercept=2.0)}
    with serving(settings_of(folder, models=models, **{"auth__enabled": "true", **settings})) as app:
        yield app


def make_key(
    application: Application,
    *roles: str,
    name: str = "app",
    models: Collection[str] | None = None,
    expires_at: datetime | None = None,
) -> str:
    """The text of a key that works at once."""
    with application.database.write() as connection:
        text = keys.create(connection, name, roles, Author("cli:test"), models=models, expires_at=expires_at).text
    renew(application)
    return text


def make_user(
    application: Application, name: str, *roles: str, models: Collection[str] | None = None, password: str = PASSWORD
) -> None:
    with application.database.write() as connection:
        users.add(connection, name, Passwords().hash(password), roles, Author("cli:test"), models=models)
    renew(application)


def renew(application: Application) -> None:
    """Look for new keys and users now, not with the next turn of the thread."""
    assert application.policy is not None
    application.policy.access.directory.refresh()


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def log_in(app: Served, name: str, password: str = PASSWORD, *, to: str = "", **expected: Any) -> Any:
    """Send the form of the login; the answer."""
    form = app.get("/login", params={"next": to} if to else None).forms["login"]
    form["name"], form["password"] = name, password
    return form.submit(**expected)


def events(application: Application, kind: str) -> list[Any]:
    """The events of a kind, the oldest first."""
    from mlserve import events as store

    with application.database.read() as connection:
        return [event for event in reversed(store.page(connection, limit=1000)) if event.kind == kind]
