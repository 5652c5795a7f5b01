"""A real server, and the environments of what stands beside it; `scripts/neighbours.sh` makes those."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factories import linear_model, settings_of
from tests.functional.servers import Server, served
from tests.tools import REQUIRED

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
DEMO = ROOT / "examples" / "flight_delay" / "flight-delay.ubj"

FLIGHTS: list[dict[str, Any]] = [
    {
        "carrier": "UA",
        "origin": "EWR",
        "dest": dest,
        "month": 7,
        "day_of_week": 3,
        "hour": 18,
        "minute": 30,
        "distance": distance,
        "temp": temp,
        "humid": 61.0,
    }
    for dest, distance, temp in (("ORD", 719, 84.0), ("SFO", 2565, None), ("DEN", 1605, 71.5))
]

# Runs where CatBoost is: `test_catboost.py` makes the plugin of it, and has it tested there.
collect_ignore = ["catboost_plugin"]

# Runs a driver of this folder by a client's own interpreter; what it prints, which is JSON.
Drive = Callable[..., Any]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serves `flight-delay`, the demo's model, and `line`: 1 + 2 x - y; by every protocol."""
    assert DEMO.exists(), "`make demo` builds the demo's model."
    folder = tmp_path_factory.mktemp("neighbours")
    settings = settings_of(
        folder,
        models={"flight-delay": DEMO, "line": linear_model(folder)},
        scoring__model="flight-delay",
    )
    settings["mlserve.plugins"] = "xgboost mlserve_linear v1 oip scoring"
    with served(folder / "neighbours.ini", settings) as running:
        yield running


@pytest.fixture(scope="session")
def address(server: Server) -> str:
    """`http://127.0.0.1:PORT`, without a slash at the end."""
    return "http://{}:{}".format(*server.address)


@pytest.fixture(scope="session")
def drive(address: str, drive_to: Drive) -> Drive:
    """`drive("kserve", "kserve_v1.py", argument, …)` calls the server; its address is the driver's first argument."""
    return lambda client, driver, *arguments: drive_to(address, client, driver, *arguments)


@pytest.fixture(scope="session")
def drive_to() -> Drive:
    """`drive_to(address, "kserve", "kserve_v1.py", argument, …)` calls another server."""

    def run(address: str, client: str, driver: str, *arguments: str) -> Any:
        output = run_in(client, "python", FOLDER / driver, address, *arguments)
        return json.loads(output.splitlines()[-1])

    return run


def run_in(environment: str, program: str, *arguments: str | Path, patience: float = 110) -> str:
    """What a program of one of the environments prints; fails where it does, or takes more than `patience` seconds.

    Without the environment the test is skipped, or fails where none may be missing.
    """
    folder = ROOT / ".venv-neighbours" / environment / "bin"
    if not folder.exists():
        reason = f"{environment} has no environment: `make neighbours` makes it"
        if os.environ.get("CI") or os.environ.get(REQUIRED) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HTTP"))}
    environ["DO_NOT_TRACK"] = environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    command = [folder / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=patience, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
