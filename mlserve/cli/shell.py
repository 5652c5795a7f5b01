"""`mlserve shell`: a Python shell with the application, its models and its database at hand.

The application is started as a server's is, but keeps no predictions and ships none, so that a server may run beside
it. The session cannot write.
"""

import code
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import click
import msgspec
from pyramid.request import Request
from pyramid.scripting import prepare
from sqlalchemy import Table, event, func, select
from sqlalchemy.orm import Session

from mlserve import __version__
from mlserve.application import Application
from mlserve.cli.ini import configured, ini_argument
from mlserve.db.engine import open_database
from mlserve.errors import MlserveError, ModelUnknown
from mlserve.inference import LiveModel
from mlserve.predictions.service import Asked
from mlserve.predictions.tables import actuals, predictions
from mlserve.registry.tables import models, versions
from mlserve.startup import one_sentence

# The environment overrides the INI: what a shell predicts is nobody's prediction, and shipping is the server's work.
LOOKS_ONLY = {"MLSERVE__LOG__WAY": "off", "MLSERVE__SHIPPER__ENABLED": "false"}

CORE_TABLES = (predictions, actuals, models, versions)

_READ_ONLY = {"sqlite": "PRAGMA query_only = ON", "postgresql": "SET default_transaction_read_only = on"}

NAMES = {
    "app": 'the WSGI application: Request.blank("/health/ready").get_response(app).json',
    "Request": "Pyramid's, to ask it",
    "application": "what it owns: settings, live models, database",
    "request": "a request of it, for what needs one",
    "models": "the live models by name",
    "predict": 'predict("name", field=value, …) answers one instance, and keeps nothing',
    "session": "an SQLAlchemy Session that reads the database and cannot write",
    "tables": "the core's tables and the plugins': session.execute(select(tables.predictions))",
    "select, func": "SQLAlchemy's",
}


class Models(dict[str, LiveModel]):
    """The live models by name, told in a line each: what they hold would fill the screen."""

    def __missing__(self, name: str) -> NoReturn:
        error = KeyError(name)
        error.add_note(_there_are(self))
        raise error

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {model.told}" for name, model in self.items()) or "no models"


class Tables(SimpleNamespace):
    """The tables by name, as attributes or in brackets."""

    def __getitem__(self, name: str) -> Table:
        table: Table = vars(self)[name]
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(vars(self))

    def __repr__(self) -> str:
        return ", ".join(self)


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
        application.health.wait()  # Before their first result the checks are not well, and nobody would know why.
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
        "Request": Request,
        "application": application,
        "request": request,
        "models": Models((model.name, model) for model in application.live),
        "predict": _predictor(application),
        "session": session,
        "tables": Tables(**{table.name: table for table in [*CORE_TABLES, *_brought(application)]}),
        "select": select,
        "func": func,
    }


def _brought(application: Application) -> list[Table]:
    """The tables of the enabled plugins."""
    return [brought.table for brought in application.prediction_tables.values()]


def _there_are(names: Iterable[str]) -> str:
    return f"  models: {', '.join(names) or 'none'}"


def _predictor(application: Application) -> Callable[..., dict[str, Any]]:
    def predict(model: str, /, **fields: Any) -> dict[str, Any]:
        """The outputs for one instance of these fields. Raises Invalid, which says what is wrong with which field."""
        body = msgspec.json.encode({"instances": [fields]})
        try:
            loaded = application.live.get(model).loaded()
            record = application.serving.answer(loaded, body, Asked(caller="shell")).record
        except MlserveError as error:
            if isinstance(error, ModelUnknown):
                error.add_note(_there_are(live.name for live in application.live))
            for problem in error.problems:
                error.add_note(f"  {problem.field}: expected {problem.expected}, got {problem.got} ({problem.code})")
            # Who asks wants the sentence, and not the way through the server.
            raise error.with_traceback(None) from None
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
