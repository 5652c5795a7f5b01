"""`mlserve shell`: a Python shell with the application, its models and its database at hand.

The application is started as a server's is, but keeps no predictions and ships none, so that a server may run beside
it. The session cannot write.
"""

import code
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import msgspec
from pyramid.scripting import prepare
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from mlserve import __version__
from mlserve.application import Application
from mlserve.cli.ini import configured, ini_argument
from mlserve.db.engine import open_database
from mlserve.errors import MlserveError
from mlserve.inference import LiveModel
from mlserve.predictions.service import Asked
from mlserve.predictions.tables import actuals, predictions
from mlserve.registry.tables import models, versions
from mlserve.startup import one_sentence

# The environment overrides the INI: what a shell predicts is nobody's prediction, and shipping is the server's work.
LOOKS_ONLY = {"MLSERVE__LOG__WAY": "off", "MLSERVE__SHIPPER__ENABLED": "false"}

_READ_ONLY = {"sqlite": "PRAGMA query_only = ON", "postgresql": "SET default_transaction_read_only = on"}

NAMES = {
    "app": "the WSGI application",
    "application": "what it owns: settings, live models, database",
    "request": "a request of it, for what needs one",
    "models": "the live models by name",
    "predict": 'predict("name", field=value, …) answers one instance, and keeps nothing',
    "session": "an SQLAlchemy Session that reads the database and cannot write",
    "tables": "predictions, actuals, models, versions: session.execute(select(tables.predictions))",
    "select, func": "SQLAlchemy's",
}


class Models(dict[str, LiveModel]):
    """The live models by name, told in a line each: what they hold would fill the screen."""

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {_told(model)}" for name, model in self.items()) or "no models"


@click.command()
@ini_argument
@click.option("-c", "--command", metavar="CODE", help="Run this code and exit.")
def shell(ini: Path, command: str | None) -> None:
    """Open a Python shell on the application, to look.

    Its names are told at its start. Predictions of the shell are not kept, and a server may run on the same database.
    IPython is used where it is installed.
    """
    with looked_at(ini) as names:
        if command is not None:
            _run(command, names)
        else:
            _interact(names, banner(ini, names))


@contextmanager
def looked_at(ini: Path) -> Iterator[dict[str, Any]]:
    """The names of the shell; all is closed at the end."""
    with ExitStack() as stack:
        config = configured(ini, {**os.environ, **LOOKS_ONLY})
        app, application = config.make_wsgi_app(), config.registry.mlserve
        with one_sentence():
            application.start()
        stack.callback(application.stop)
        prepared = prepare(registry=config.registry)
        stack.callback(prepared["closer"])
        session = stack.enter_context(_reading_session(application))
        yield _names(app, application, prepared["request"], session)


def banner(ini: Path, names: dict[str, Any]) -> str:
    live = ", ".join(names["models"]) or "none"
    lines = [f"mlserve {__version__} on {ini}; models: {live}", ""]
    lines += [f"  {name:<14}{told}" for name, told in NAMES.items()]
    return "\n".join([*lines, ""])


def _names(app: Any, application: Application, request: Any, session: Session) -> dict[str, Any]:
    return {
        "app": app,
        "application": application,
        "request": request,
        "models": Models((model.name, model) for model in application.live),
        "predict": _predictor(application),
        "session": session,
        "tables": SimpleNamespace(predictions=predictions, actuals=actuals, models=models, versions=versions),
        "select": select,
        "func": func,
    }


def _told(model: LiveModel) -> str:
    version = "" if model.champion is None else f", version {model.champion.lineage.version}"
    return f"{model.family}{version}, {model.state}"


def _predictor(application: Application) -> Callable[..., dict[str, Any]]:
    def predict(model: str, /, **fields: Any) -> dict[str, Any]:
        """The outputs for one instance of these fields. Raises Invalid, which says what is wrong with which field."""
        loaded, body = application.live.get(model).loaded(), msgspec.json.encode({"instances": [fields]})
        try:
            record = application.serving.answer(loaded, body, Asked(caller="shell")).record
        except MlserveError as error:
            for problem in error.problems:
                error.add_note(f"  {problem.field}: expected {problem.expected}, got {problem.got} ({problem.code})")
            raise error from None
        (outputs,) = msgspec.json.decode(record.outputs)
        answer: dict[str, Any] = outputs
        return answer

    return predict


@contextmanager
def _reading_session(application: Application) -> Iterator[Session]:
    """Statements stand alone: an open transaction would hold up others for as long as somebody thinks."""
    settings = application.settings
    url, timeout = settings["mlserve.database.url"], settings["mlserve.database.timeout"]
    with closing(open_database(url, timeout, bounded=False)) as database:
        engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        statement = _READ_ONLY[database.dialect]

        @event.listens_for(database.engine, "connect")
        def _read_only(connection: Any, _: Any) -> None:
            cursor = connection.cursor()
            cursor.execute(statement)
            cursor.close()
            if database.dialect == "postgresql":
                connection.commit()  # A rollback would take the setting back.

        with Session(engine) as session:
            yield session


def _run(command: str, names: dict[str, Any]) -> None:
    try:
        exec(compile(command, "<-c>", "exec"), names)  # noqa: S102 - to run the operator's code is what is asked for.
    except Exception:
        console = code.InteractiveInterpreter()
        console.showtraceback()
        raise SystemExit(1) from None


def _interact(names: dict[str, Any], banner: str) -> None:
    if importlib.util.find_spec("IPython") is not None:
        importlib.import_module("IPython.terminal.embed").InteractiveShellEmbed(user_ns=names, banner1=banner)()
        return
    if sys.stdin.isatty():
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    code.interact(banner, local=names, exitmsg="")
