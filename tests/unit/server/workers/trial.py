"""A supervisor in a process of its own, with stand-ins for all that it starts: python -m …trial INI MODULE …

A template imports the modules.
"""

import logging
import sys
from pathlib import Path

from mlserve.errors import ConfigurationError
from mlserve.server.workers import listening, starter
from mlserve.server.workers.supervisor import Supervisor

STAND_IN = "tests.unit.server.workers.stand_in"


class Trial(Supervisor):
    FAREWELL = 0.05
    WORKER = STAND_IN
    BACKGROUND = STAND_IN
    PRELOADED = tuple(sys.argv[2:])


if __name__ == "__main__":
    listening.PATIENCE = 0.2
    starter.IDLE = 0.2
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        status = Trial(Path(sys.argv[1]), "workers").run()
    except ConfigurationError as error:
        raise SystemExit(str(error)) from None
    raise SystemExit(status)
