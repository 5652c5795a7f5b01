"""A process of the supervisor's that loads nothing, and so starts at once.

What it does is in `behaviour`, beside its INI: `die` before it is ready, `wait` until that says something else,
`stubborn` does not leave when it is asked to, `greet` tells whoever connects its process id until it is asked to.
Without that it takes no connections. Nor is it ready where the INI says `broken`.

Where a module `changing` was imported before it began, it writes down which version that is.
"""

import configparser
import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from mlserve.server.workers.line import Line
from mlserve.server.workers.prctl import name_process

PULSE = 0.05  # in seconds


def main(ini: str, name: str, *more: str) -> None:
    name_process("stand-in")
    parser = configparser.ConfigParser()
    parser.read(ini)
    folder = Path(parser.defaults().get("here", Path(ini).parent))
    if parser.has_option("server:workers", "broken"):
        sys.exit(4)
    asked, leaving = threading.Event(), threading.Event()
    while (behaviour := _behaviour(folder)) == "wait":
        time.sleep(0.01)
    if behaviour == "die":
        sys.exit(3)

    def leave(number: int, frame: FrameType | None) -> None:
        (folder / f"asked-{os.getpid()}").touch()
        asked.set()
        if "stubborn" not in behaviour:
            leaving.set()

    signal.signal(signal.SIGTERM, leave)
    line = Line(int(more[-2]), int(more[-1]))
    line.open(grace=0.5, on_standing=lambda standing: (folder / f"told-{os.getpid()}").write_text(str(standing)))
    greeting = threading.Thread(target=_greet, args=(more[0], asked))
    if "greet" in behaviour and "fast" in more:
        greeting.start()
    if "changing" in sys.modules:
        (folder / f"version-{os.getpid()}").write_text(str(sys.modules["changing"].VERSION))
    line.say("ready")
    line.PULSE = PULSE
    while not leaving.is_set():
        line.say_well()
    if greeting.ident is not None:
        greeting.join()


def _greet(descriptor: str, asked: threading.Event) -> None:
    with socket.socket(fileno=int(descriptor)) as door:
        door.settimeout(PULSE)
        while not asked.is_set():
            with suppress(TimeoutError):
                caller, _ = door.accept()
                with caller:
                    caller.sendall(str(os.getpid()).encode())


def _behaviour(folder: Path) -> str:
    try:
        return (folder / "behaviour").read_text()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
