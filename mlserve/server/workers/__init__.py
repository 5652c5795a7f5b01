"""The server of `[server:workers]`: several processes that answer, and one that ships what they have kept.

    [server:workers]
    use = egg:pyramid-mlserve#workers

One process, the supervisor, owns the listening sockets and starts all others, forked from one that has imported what
they need. That one is made anew for each reload, which so reads code and INI anew. Each slot of workers has a socket of
its own at the same address, which outlives its processes: one that dies takes no waiting connection with it, and a
reload closes none. HTTP is granian's; who may wait, for how long and with how large a body is ours.
"""

import os
import sys
from typing import Any, NoReturn

from mlserve.errors import ConfigurationError
from mlserve.ini_file import open_ini
from mlserve.server.workers.installed import refuse_without_granian

# In the environment: which process has come here, and has been given to `mlserve serve` since.
_BEEN_HERE = "MLSERVE_SERVER_WORKERS_PROCESS"


def serve(app: Any, global_conf: dict[str, str], **settings: str) -> NoReturn:
    """Serve with workers under `pserve --server-name` too (`paste.server_runner`).

    pserve has built and started the application in this process, which is to answer nothing: it stops, and `mlserve
    serve` takes the place of the process. Raises ConfigurationError where that leads here again.
    """
    ini = global_conf["__file__"]
    name = _name_of(ini, settings)
    try:
        refuse_without_granian(name)
    except ConfigurationError as error:
        from mlserve.server.runner import give_up  # waitress, which no worker needs

        give_up(app, error)
    application = getattr(getattr(app, "registry", None), "mlserve", None)
    if application is not None:
        application.stop()
    if os.environ.get(_BEEN_HERE) == str(os.getpid()):
        raise ConfigurationError(f"mlserve serve does not find in {ini} the section that pserve has read there.")
    os.environ[_BEEN_HERE] = str(os.getpid())
    arguments = ["-c", "from mlserve.cli import main; main()", "serve", ini, "--server-name", name]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606


def _name_of(ini: str, settings: dict[str, str]) -> str:
    """The section that says this: pserve does not tell which one it was."""
    from mlserve.server.workers.section import settings_if_ours  # It asks for `serve`.

    sections: list[str] = open_ini(ini).get_sections()
    names = [section.partition(":")[2] for section in sections if section.startswith("server:")]
    return next((name for name in names if settings_if_ours(ini, name) == settings), "workers")
