"""The process beside the workers of a host: it ships what they have kept, and sends to webhooks.

python -m mlserve.server.workers.background INI NAME OUT IN
"""

import os
import signal
import sys
import threading
from types import FrameType

from pyramid.paster import get_app, setup_logging

from mlserve.part import PART_KEY, Part
from mlserve.server.workers.line import Line


def main(ini: str, name: str, out: str, into: str) -> None:
    """Work until the supervisor says that it ends, or is gone."""
    line = Line(int(out), int(into))
    leaving = threading.Event()

    def leave(number: int, frame: FrameType | None) -> None:
        leaving.set()

    signal.signal(signal.SIGTERM, leave)
    setup_logging(ini)
    app = get_app(ini, "main", options={PART_KEY: Part.BACKGROUND})
    line.open(on_end=lambda: os.kill(os.getpid(), signal.SIGTERM))
    line.say("ready")
    leaving.wait()
    app.registry.mlserve.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
