"""Working on mlserve and on plugins: `pserve --reload` with real edits, and the debug toolbar of `[app:debug]`."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.factories import until
from tests.functional.servers import PATIENCE, Client

ROOT = Path(__file__).parents[2]
PREDICTIONS = "/api/v1/models/{}/predictions"
# The program itself is started, and again with each edit: on a busy machine that takes its time.
PATIENT = 2 * PATIENCE

PLUGIN = '''
from mlserve.predictions.resources import PredictionsResource
from mlserve.signature import Field, OutputField, Signature

MLSERVE_API = (1, 0)
FACTOR = {factor}

def includeme(config):
    config.add_model_family("times", Times)
    config.add_model_resource("predictions", TimesPredictions)

class TimesPredictions(PredictionsResource):
    """Predictions of models that multiply."""
    family = "times"

class Times:
    name, formats, runs_code = "times", (".times",), False
    def inspect(self, path):
        return Signature((Field("x", "float64"),), (OutputField("y", "float64"),))
    def load(self, path, signature, settings):
        return Predictor()
    def libraries(self):
        return {{}}

class Predictor:
    concurrency, engine = "parallel", "exact"
    def predict(self, batch):
        return {{"y": batch.column("x")[0] * FACTOR}}
    def info(self):
        return {{}}
    def close(self):
        pass
'''

INI = """
[app:main]
use = egg:pyramid-mlserve
mlserve.plugins = mlserve_times
mlserve.log.way = process
{models}

[app:debug]
use = main
pyramid.includes = pyramid_debugtoolbar

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}

[pserve]
watch_files = %(here)s/server.ini
"""


class Workshop:
    """A folder with a plugin, an INI and a server that is being worked on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ini = folder / "server.ini"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "model.times").write_text("")
        self.write_plugin(2)
        self.write_ini("one")

    def write_plugin(self, factor: int) -> None:
        (self.folder / "mlserve_times.py").write_text(PLUGIN.format(factor=factor))

    def write_ini(self, *models: str) -> None:
        lines = "\n".join(f"mlserve.models.{name} = %(here)s/model.times" for name in models)
        self.ini.write_text(INI.format(models=lines, port=self.port))

    def edit(self, write: Callable[[], None], is_served: Callable[[], bool]) -> None:
        """Save until it is served: what changes before the reloader has first looked at a file, it does not notice."""
        for seconds in (5, 20):
            write()
            with suppress(AssertionError):
                return until(is_served, seconds)
        write()
        return until(is_served, PATIENT)

    @contextmanager
    def pserve(self, *arguments: str) -> Iterator["psutil.Popen"]:
        environ = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(Path(sys.executable).with_name("pserve")), str(self.ini), *arguments]
        with (self.folder / "out").open("ab") as out:
            process = psutil.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        known: list[psutil.Process] = []
        try:
            until(lambda: self.answer("GET", "/health/live") is not None, PATIENT)
            yield process
        except BaseException:
            print((self.folder / "out").read_text())
            raise
        finally:
            if process.is_running():
                known = [process, *process.children(recursive=True)]
            for one in known:
                with_children_gone(one)

    def answer(self, method: str, path: str, body: object = None) -> object:
        """The JSON of a 200, or None: while it reloads, nobody listens."""
        client = Client(("127.0.0.1", self.port), patience=5)
        try:
            answer = client.call(method, path, body)
            return answer.json if answer.status == 200 else None
        except OSError:
            return None
        finally:
            client.close()

    def predicts(self, model: str) -> object:
        answer = self.answer("POST", PREDICTIONS.format(model), {"instances": [{"x": 10}]})
        return answer["outputs"][0]["y"] if isinstance(answer, dict) else None


def with_children_gone(process: psutil.Process) -> None:
    try:
        process.kill()
        process.wait(PATIENCE)
    except psutil.NoSuchProcess:
        pass


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("edited", "ending"),
    [
        pytest.param("plugin", signal.SIGTERM, id="plugin", marks=pytest.mark.exhaustive),
        pytest.param("ini", signal.SIGINT, id="ini"),
    ],
)
def test_an_edit_of_a_plugin_or_of_the_ini_is_served_and_nothing_is_left(
    workshop: Workshop, edited: str, ending: signal.Signals
) -> None:
    with workshop.pserve("--reload") as monitor:
        assert workshop.predicts("one") == 20.0
        (first,) = monitor.children(recursive=True)
        if edited == "plugin":
            workshop.edit(lambda: workshop.write_plugin(3), lambda: workshop.predicts("one") == 30.0)
        else:
            workshop.edit(lambda: workshop.write_ini("one", "two"), lambda: workshop.predicts("two") == 20.0)
        (second,) = monitor.children(recursive=True)
        assert second.pid != first.pid
        assert not first.is_running()
        assert monitor.is_running()
        children = monitor.children(recursive=True)
        assert len(children) == 1
        os.kill(monitor.pid, ending)
        monitor.wait(PATIENCE)
        psutil.wait_procs(children, PATIENCE)
        assert not [child for child in children if child.is_running()]
    with socket.create_server(("127.0.0.1", workshop.port)):  # The port is free, so nobody listens on it any more.
        pass
    said = (workshop.folder / "out").read_text()
    assert "Traceback" not in said


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_mistake_waits_for_its_correction(workshop: Workshop) -> None:
    with workshop.pserve("--reload"):
        workshop.write_ini("one", "Two")  # No model may be called that.
        until(lambda: workshop.answer("GET", "/health/live") is None, PATIENT)
        until(lambda: "Waiting for a file to change" in (workshop.folder / "out").read_text(), PATIENT)
        assert "mlserve cannot start: mlserve.models.Two" in (workshop.folder / "out").read_text()
        workshop.write_ini("one", "two")
        until(lambda: workshop.predicts("two") == 20.0, PATIENT)


@pytest.mark.slow
def test_the_toolbar_comes_with_the_debug_section_and_leaves_answers_alone(workshop: Workshop) -> None:
    with workshop.pserve("-n", "debug"):
        client = Client(("127.0.0.1", workshop.port))
        told = client.call("POST", PREDICTIONS.format("one"), {"instances": [{"x": 10}]})
        refused = client.call("POST", PREDICTIONS.format("one"), {"instances": [{"x": "a"}]})
        missing = client.call("GET", "/api/v1/models/none")
        page = client.call("GET", "/", headers={"Accept": "text/html"})
        toolbar = client.call("GET", "/_debug_toolbar/")
        client.close()
    assert (told.status, told.json["outputs"]) == (200, [{"y": 20.0}])
    assert (refused.status, refused.json["code"]) == (422, "invalid")
    assert (missing.status, missing.json["code"]) == (404, "model_unknown")
    assert b"_debug_toolbar" not in told.body + refused.body + missing.body
    assert b'id="pDebug"' in page.body
    # Under the pages' policy the button needs no script and no style of its own text.
    assert b"<script>" not in page.body
    assert b"style=" not in page.body.partition(b'id="pDebug"')[2]
    assert toolbar.status == 200
    assert b"Pyramid Debug Toolbar" in toolbar.body


@pytest.mark.parametrize("ini", ["development.ini", "production.ini"])
def test_only_development_offers_the_toolbar_and_only_to_this_machine(ini: str) -> None:
    import plaster

    loader = plaster.get_loader(str(ROOT / ini), protocols=["wsgi"])
    assert "toolbar" not in loader.get_wsgi_app_settings("main").get("pyramid.includes", "")
    if ini == "production.ini":
        assert loader.get_sections().count("app:debug") == 0
        assert "toolbar" not in (ROOT / ini).read_text()
    else:
        debug = loader.get_wsgi_app_settings("debug")
        assert debug["pyramid.includes"] == "pyramid_debugtoolbar"
        assert debug["debugtoolbar.hosts"].split() == ["127.0.0.1", "::1"]
        assert debug["mlserve.plugins"] == "xgboost"
        assert loader.get_settings("server:main")["host"] == "127.0.0.1"
