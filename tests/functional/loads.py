"""Clients that put a server under load and remember what they were told, to be compared with SQL afterwards."""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

from sqlalchemy import text

from mlserve.db.engine import open_database
from mlserve.inputs import read_inputs
from mlserve.predictions.spool.gauge import SpoolGauge
from tests.factories import until
from tests.functional.servers import PATIENCE, Answer, Client, Server


@dataclass
class Ledger:
    """What clients were told, over all launches of a server."""

    answered: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # id → instances sent, outputs answered
    refused: list[Answer] = field(default_factory=list)
    broken: int = 0  # requests without a whole answer: each may be in the log, or not
    moved: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, condition: Callable[["Ledger"], bool]) -> None:
        with self.moved:
            assert self.moved.wait_for(lambda: condition(self), PATIENCE), "the load does not get on"

    def check(self, url: str, spool: Path) -> int:
        """Every answered prediction is in SQL exactly once, as it was answered; how many others are there.

        What is still in the spool is waited for.
        """
        database = open_database(url)
        gauge = SpoolGauge(spool, database)
        try:
            until(lambda: gauge.read().backlog_records == 0, PATIENCE)
            with database.read() as connection:
                rows = connection.execute(
                    text(
                        "SELECT CAST(id AS TEXT), n, CAST(inputs AS TEXT), CAST(outputs AS TEXT), "
                        "inputs_block, encoding FROM predictions"
                    )
                ).all()
                instances = connection.execute(text("SELECT count(*) FROM prediction_instances")).scalar_one()
        finally:
            database.close()
        kept = {row[0]: (_inputs(row[2], row[4], row[5]), json.loads(row[3])) for row in rows}
        assert len(kept) == len(rows)
        missing = self.answered.keys() - kept.keys()
        assert not missing, (
            f"{len(missing)} of {len(self.answered)} answered predictions are lost: {sorted(missing)[:5]}"
        )
        for identity, told in self.answered.items():
            assert kept[identity] == told
        assert instances == sum(row[1] for row in rows)
        return len(rows) - len(self.answered)


def _inputs(text: str | None, block: bytes | None, encoding: str | None) -> Any:
    """The instances of a record, which has them as JSON, or as a block where there are many."""
    if text is None and block is not None and encoding is not None:
        return read_inputs(block, encoding)
    return json.loads(text or "null")


class Load:
    """Threads that predict, one request after another on a connection of their own, until stopped or disconnected."""

    def __init__(self, server: Server, ledger: Ledger, *, clients: int = 4, seed: int = 0, pause: float = 0.0) -> None:
        """`pause` is between an answer and the next request, in seconds."""
        self._ledger = ledger
        self._pause = pause
        self._stopping = threading.Event()
        address = server.address
        self._threads = [
            threading.Thread(target=self._run, args=(address, random.Random(seed * 100 + number)), daemon=True)
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _run(self, address: tuple[str, int], chance: random.Random) -> None:
        client = Client(address)
        while not self._stopping.wait(self._pause):
            instances = _instances(chance)
            try:
                answer = client.call("POST", "/api/v1/models/line/predictions", {"instances": instances})
            except (OSError, HTTPException):
                with self._ledger.moved:
                    self._ledger.broken += 1
                    self._ledger.moved.notify_all()
                break
            with self._ledger.moved:
                if answer.status == 200:
                    self._ledger.answered[answer.json["id"]] = (instances, answer.json["outputs"])
                else:
                    self._ledger.refused.append(answer)
                self._ledger.moved.notify_all()
        client.close()


def _instances(chance: random.Random) -> list[dict[str, float]]:
    """Mostly one, sometimes so many that their record is written in several pages."""
    count = chance.choices([1, 3, 40, 1500], [80, 15, 4, 1])[0]
    return [{"x": chance.uniform(-9, 9), "y": float(chance.randrange(1000))} for _ in range(count)]
