"""A process of the supervisor's that answers nothing and loads nothing, and so starts at once.

What it does is in `behaviour`, beside its INI: `die` before it is ready, `wait` until that says something else,
`stubborn` does not leave when it is asked to. Nor is it ready where the INI says `broken`.
"""

import configparser
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from mlserve.server.workers.line import Line


def main(ini: str, name: str, *more: str) -> None:
    parser = configparser.ConfigParser()
    parser.read(ini)
    folder = Path(parser.defaults().get("here", Path(ini).parent))
    if parser.has_option("server:workers", "broken"):
        sys.exit(4)
    leaving = threading.Event()
    while (behaviour := _behaviour(folder)) == "wait":
        time.sleep(0.01)
    if behaviour == "die":
        sys.exit(3)

    def leave(number: int, frame: FrameType | None) -> None:
        (folder / f"asked-{os.getpid()}").touch()
        if behaviour != "stubborn":
            leaving.set()

    signal.signal(signal.SIGTERM, leave)
    line = Line(int(more[-2]), int(more[-1]))
    line.open(grace=0.5, on_standing=lambda standing: (folder / f"told-{os.getpid()}").write_text(str(standing)))
    line.say("ready")
    line.PULSE = 0.05
    while not leaving.is_set():
        line.say_well()


def _behaviour(folder: Path) -> str:
    try:
        return (folder / "behaviour").read_text()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
