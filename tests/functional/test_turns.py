"""Every address that computes has its turn, and whoever waits for the database holds nobody up."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.metadata import entry_points
from typing import Any

import pytest
from pyramid.interfaces import IRoutesMapper
from webtest import TestApp

from mlserve.plugins import GROUP
from mlserve.server.workers.gate import COMPUTING, LONG, Gate
from mlserve.server.workers.refusal import refusing
from mlserve.server.workers.section import Section
from mlserve.turns import Turns
from tests.factories import Served, linear_model, serving, settings_of, until

PREDICTIONS = "/api/v1/models/line/predictions"
ASKED = {"instances": [{"x": 1.0, "y": 2.0}]}
TENSORS = [{"name": name, "shape": [1], "datatype": "FP64", "data": [1.0]} for name in ("x", "y")]
# Whichever protocol it is, it reads one of these.
BODIES: list[dict[str, Any]] = [ASKED, {"inputs": TENSORS}]
# Routes that take a POST and compute nothing. A new one stands here, or has its turn and the gate knows it.
QUIET = {
    *("oip.index", "oip.load", "oip.unload", "oip.trace", "oip.model_trace", "oip.logging"),
    *("keys", "key", "users", "user", "actuals", "versions", "version_retirement"),
    *("dashboard.login", "dashboard.logout"),
}
# Forms of pages, whose addresses are too plain for the gate. They have their turn within the application.
PAGES = {"dashboard.model", "dashboard.prediction"}


@contextmanager
def nobody_else_computes(turns: Turns) -> Iterator[None]:
    """Somebody has the only turn, and there is no place to wait for it."""
    turns.limit(1, 0, 30.0)
    has, end = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.taken():
            has.set()
            end.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert has.wait(20)
    try:
        yield
    finally:
        end.set()
        holder.join(20)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With all bundled plugins."""
    folder = tmp_path_factory.mktemp("turns")
    settings = settings_of(folder, models={"line": linear_model(folder)}, log__way="process")
    settings["mlserve.plugins"] = " ".join(
        ["mlserve_linear", *sorted(point.name for point in entry_points(group=GROUP))]
    )
    with serving(settings) as found:
        yield found


def test_every_address_that_computes_has_a_turn_and_the_gate_knows_it(app: Served) -> None:
    made = app.predict("line", [[1, 2]]).json["id"]
    values = {"model": "line", "id": made, "alias": "champion", "number": "1", "version": "1", "verb": "classify"}
    routes = {route.name: route.pattern for route in app.app.registry.getUtility(IRoutesMapper).get_routes()}
    computing, unknown = {}, set()
    with nobody_else_computes(app.application.turns):
        for name in routes.keys() - QUIET - PAGES:
            path = "/" + re.sub(r"\{(\w+)[^}]*\}", lambda found: values.get(found[1], "1"), routes[name]).lstrip("/")
            said = [app.post_json(path, body, status="*") for body in BODIES]
            if any(answer.status_int == 503 for answer in said):
                computing[name] = path
            elif {answer.status_int for answer in said} - {404, 405}:
                unknown.add(name)
        explanation = app.get(f"{PREDICTIONS}/{made}/explanation", status=503)
    assert unknown == set()
    assert routes.keys() >= QUIET | PAGES
    assert {name for name, path in computing.items() if not path.endswith(COMPUTING + LONG["POST"])} == set()
    assert {"oip.infer", "v1.predict", "v1.explain", "scoring.invoke", "prediction_reproduction"} <= computing.keys()
    for end in COMPUTING + LONG["POST"]:
        assert any(path.endswith(end) for path in computing.values()), end
    assert (explanation.json["code"], explanation.headers["Retry-After"]) == ("busy", "1")


def test_pages_have_turns_too(app: Served) -> None:
    form = app.get("/models/line").forms[0]
    made = app.predict("line", [[1, 2]]).json["id"]
    again = app.get(f"/predictions/{made}").forms[0]
    with nobody_else_computes(app.application.turns):
        for one in (form, again):
            assert "Too many requests wait" in one.submit(status="*").text


@contextmanager
def no_connection(app: Served) -> Iterator[None]:
    """Whoever asks the database waits for a connection."""
    engine = app.application.database.engine
    with ExitStack() as stack:
        for _ in range(engine.pool.size() + engine.pool._max_overflow):  # type: ignore[attr-defined]
            stack.enter_context(engine.connect())
        yield


@contextmanager
def no_writing(app: Served) -> Iterator[None]:
    """Whoever writes waits for somebody else's transaction."""
    with app.application.database.write():
        yield


@pytest.mark.parametrize("hanging", [no_connection, no_writing])
def test_a_key_that_waits_for_the_database_delays_nobody_else(app: Served, hanging: Callable[[Served], Any]) -> None:
    """One place is left, should they be back for a moment; else the one that computes would make them too many."""
    section, application = Section(waiting=2, patience=10.0), app.application
    turns = application.turns
    turns.limit(section.threads, section.waiting, section.patience)
    gate = TestApp(Gate(app.app, refusing(app.app.registry), turns, section, application.limits.body))
    name = hanging.__name__

    def keyed(key: str) -> Any:
        return gate.post_json(PREDICTIONS, ASKED, headers={"Idempotency-Key": f"{name}-{key}"}, status="*")

    with ThreadPoolExecutor(2) as pool:
        with hanging(app):
            waiting = [pool.submit(keyed, key) for key in ("a", "b")]
            until(lambda: turns._places["apart"] == 2)
            for _ in range(3):
                assert gate.post_json(PREDICTIONS, ASKED).status_int == 200
            assert not any(one.done() for one in waiting)
        assert [one.result(20).status_int for one in waiting] == [200, 200]
    assert turns._places == {"inside": 0, "apart": 0}
    assert keyed("a").headers["Idempotency-Replayed"] == "true"
