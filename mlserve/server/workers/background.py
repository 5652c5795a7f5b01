"""The process beside the workers of a host: it ships what they have kept, and sends to webhooks.

python -m mlserve.server.workers.background INI NAME OUT IN
"""

import signal
import sys
import threading
from types import FrameType
from typing import Any

from mlserve.application import Application
from mlserve.ini_file import open_ini
from mlserve.part import PART_KEY, Part
from mlserve.server.workers.good_ini import folder_of
from mlserve.server.workers.line import Line
from mlserve.server.workers.prctl import name_process
from mlserve.server.workers.section import section_of
from mlserve.startup import one_sentence


def main(ini: str, name: str, out: str, into: str) -> None:
    """Work until the supervisor says that it ends, or is gone."""
    name_process("mlserve-shipper")
    line = Line(int(out), int(into))
    leaving = threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        leaving.set()

    signal.signal(signal.SIGTERM, leave)
    loader = open_ini(ini)
    loader.setup_logging()
    with one_sentence():
        section = section_of(ini, name)
        app = loader.get_wsgi_app("main", {PART_KEY: Part.BACKGROUND, "here": folder_of(ini)})
    line.open(grace=section.stop_timeout)
    line.say("ready")
    application = app.registry.mlserve
    threading.Thread(target=_watch, args=(application, line), name="watch", daemon=True).start()
    leaving.wait()
    application.stop()


def _watch(application: Application, line: Line) -> None:
    while True:
        line.say_well(_behind(application.health.report().get("shipper", {})))


def _behind(check: dict[str, Any]) -> float:
    """For how many seconds nothing was shipped, though something was there."""
    behind: float = check.get("lag_seconds", 0.0)
    return behind if check.get("state") != "stale" else behind + check["age_seconds"]


if __name__ == "__main__":
    main(*sys.argv[1:])
