"""Answers are equal under every server, address, size and form of a body: the library's to the bit, and kept so."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import numpy as np
import pytest

from mlserve.db.engine import open_database
from mlserve.predictions import store
from mlserve.predictions.record import PredictionRecord
from tests.factories import serving, settings_of, until
from tests.functional.equal_models import ALWAYS, MORE, Model, make_models
from tests.functional.equal_ways import WAYS, Way
from tests.functional.servers import PATIENCE, served
from tests.functional.workers import Workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Start and number of rows: one, some, more than the log keeps as text, and all.
SPANS = ((0, 1), (17, 2), (30, 7), (200, 100), (0, 1000))
# Of a path, a body and headers: the status, the headers by lower-case name, and the body.
Ask = Callable[[str, bytes, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    return make_models(tmp_path_factory.mktemp("models"), ALWAYS)


def settings(folder: Path, models: Mapping[str, Model], way: str) -> dict[str, str]:
    artefacts = {name: model.artefact for name, model in models.items()}
    plugins = "mlserve_linear xgboost sklearn oip v1 scoring"
    more = {"log__way": way, "scoring__model": "line", "shipper__interval": "20ms"}
    return {**settings_of(folder, models=artefacts, **more), "mlserve.plugins": plugins}


@contextmanager
def in_process(folder: Path, models: Mapping[str, Model]) -> Iterator[Ask]:
    with serving(settings(folder, models, "sql")) as app:

        def ask(path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
            answer = app.post(path, body, headers=dict(headers), status="*")
            return answer.status_int, {name.lower(): value for name, value in answer.headers.items()}, answer.body

        yield ask


@contextmanager
def waitress(folder: Path, models: Mapping[str, Model]) -> Iterator[Ask]:
    with served(folder / "waitress.ini", settings(folder, models, "process")) as server, over(server.address) as ask:
        yield ask


@contextmanager
def workers(folder: Path, models: Mapping[str, Model]) -> Iterator[Ask]:
    with Workers(folder / "workers.ini", settings(folder, models, "process"), workers=1) as server:
        with over(server.address) as ask:
            yield ask
        assert server.stop() == 0


@contextmanager
def over(address: tuple[str, int]) -> Iterator[Ask]:
    connection = HTTPConnection(*address, timeout=PATIENCE)

    def ask(path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    yield ask
    connection.close()


@pytest.mark.parametrize("server", [in_process, waitress, workers])
def test_every_way_gives_the_answers_of_the_library(
    server: Callable[[Path, Mapping[str, Model]], Iterator[Ask]], tmp_path: Path, models: dict[str, Model]
) -> None:
    check(server, tmp_path, models)


@pytest.mark.exhaustive
@pytest.mark.parametrize("server", [in_process, waitress, workers])
def test_so_do_more_kinds_of_models(
    server: Callable[[Path, Mapping[str, Model]], Iterator[Ask]], tmp_path: Path
) -> None:
    check(server, tmp_path, make_models(tmp_path, MORE))


def check(
    server: Callable[[Path, Mapping[str, Model]], Iterator[Ask]], folder: Path, models: Mapping[str, Model]
) -> None:
    asked: dict[str, tuple[str, int, int]] = {}  # model, start and number of rows, by the prediction's id
    wrong = []
    with server(folder, models) as ask:
        for name, model in models.items():
            for way in WAYS:
                for start, count in SPANS:
                    identity, difference = difference_of(ask, way, name, model, start, count)
                    asked[identity] = name, start, count
                    wrong += [f"{way.name}, {name}, {count} rows from {start}: {difference}"] if difference else []
        assert wrong == []
        kept = records(folder, models, len(asked))
    assert kept.keys() == asked.keys()
    texts: dict[tuple[str, int, int], set[tuple[bytes, bytes]]] = {}
    for identity, record in kept.items():
        texts.setdefault(asked[identity], set()).add((bytes(record.inputs_text()), bytes(record.outputs)))
    for (name, start, count), different in texts.items():
        assert len(different) == 1, f"{name}, {count} rows from {start}: kept in {len(different)} ways"
        assert msgspec.json.decode(next(iter(different))[0]) == models[name].rows[start : start + count]


def body_of(way: Way, model: Model, start: int, count: int) -> tuple[bytes, Mapping[str, str]]:
    """Made once for all servers."""
    key = way.body, start, count
    if key not in model.bodies:
        model.bodies[key] = way.body(model.rows[start : start + count], model.signature)
    return model.bodies[key]


def difference_of(ask: Ask, way: Way, name: str, model: Model, start: int, count: int) -> tuple[str, str]:
    """The id of the prediction, and what of the answer is not the library's; empty: nothing."""
    body, headers = body_of(way, model, start, count)
    status, told, answer = ask(way.path.format(name), body, headers)
    if status != 200:
        return "", f"{status} {answer[:300]!r}"
    identity, outputs = way.read(told, answer, model.signature)
    for output, expected in model.answers.items():
        part = np.asarray(expected[start : start + count]).reshape(-1)
        values = np.array(outputs[output], part.dtype)
        if values.tobytes() != part.tobytes():
            return identity, f"{output} is {values[:5]}, not {part[:5]}"
    return identity, ""


def records(folder: Path, models: Mapping[str, Model], count: int) -> dict[str, PredictionRecord]:
    """All that SQL keeps, by id, once there are so many."""
    database = open_database(f"sqlite:///{folder / 'var' / 'mlserve.db'}")

    def found() -> dict[str, PredictionRecord]:
        with database.read() as connection:
            each = (record for name in models for record in store.walk_predictions(connection, name, limit=10_000))
            return {record.id: record for record in each}

    try:
        until(lambda: len(found()) >= count, PATIENCE)
        return found()
    finally:
        database.close()
