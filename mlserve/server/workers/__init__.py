"""The server of `[server:workers]`: several processes that answer, and one that ships what they have kept.

    [server:workers]
    use = egg:pyramid-mlserve#workers

One process, the supervisor, owns the listening socket and starts all others, each in an interpreter of its own, so
that a reload reads code and INI anew. All workers take connections from the same socket: one that dies takes no
waiting connection with it, and the socket is never closed in a reload. HTTP is granian's; who may wait, for how long
and with how large a body is ours.
"""

import os
import sys
from typing import Any, NoReturn

from mlserve.ini_file import open_ini


def serve(app: Any, global_conf: dict[str, str], **settings: str) -> NoReturn:
    """Serve with workers under `pserve --server-name` too (`paste.server_runner`).

    pserve has built and started the application in this process, which is to answer nothing: it stops, and `mlserve
    serve` takes the place of the process.
    """
    application = getattr(getattr(app, "registry", None), "mlserve", None)
    if application is not None:
        application.stop()
    ini = global_conf["__file__"]
    arguments = ["-c", "from mlserve.cli import main; main()", "serve", ini, "--server-name", _name_of(ini, settings)]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606


def _name_of(ini: str, settings: dict[str, str]) -> str:
    """The section that says this: pserve does not tell which one it was."""
    loader = open_ini(ini)
    names: list[str] = [section.partition(":")[2] for section in loader.get_sections() if section.startswith("server:")]
    for name in names:
        said = dict(loader.get_settings(f"server:{name}"))
        if said.pop("use", "").endswith("#workers") and said == settings:
            return name
    return "workers"
