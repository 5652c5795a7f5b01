"""Versions are numbered in order of arrival, once for each digest, whoever registers."""

import threading
from typing import Any

from mlserve.db.engine import Database, open_database
from mlserve.registry import service
from mlserve.signature import Field, OutputField, Signature


class Packed:
    family = "xgboost"

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def to_json(self) -> dict[str, Any]:
        return {"content": {"signature": {"inputs": [self.digest]}}, "provenance": {}}


def register(database: Database, model: str, digest: str) -> int:
    with database.write() as connection:
        return service.register(connection, model, Packed(digest))


def test_new_digests_get_the_next_number_and_known_ones_theirs(database: Database) -> None:
    asked = [("a", "x"), ("a", "y"), ("b", "y"), ("a", "x"), ("a", "z"), ("b", "y")]
    assert [register(database, *one) for one in asked] == [1, 2, 1, 1, 3, 1]


def test_what_is_registered_can_be_listed(database: Database) -> None:
    for model, digest in (("b", "x"), ("a", "x"), ("a", "y")):
        register(database, model, digest)
    with database.read() as connection:
        assert [model["name"] for model in service.models(connection)] == ["a", "b"]
        versions = service.versions(connection, "a")
        assert service.versions(connection, "unknown") == []
        assert service.newest_versions(connection, "a") == versions[::-1]
        assert service.newest_versions(connection, "a", below=2) == versions[:1]
        whole = service.version(connection, "a", 1)
    assert [(one["number"], one["digest"], one["family"]) for one in versions] == [
        (1, "x", "xgboost"),
        (2, "y", "xgboost"),
    ]
    assert versions[0]["created_at"].tzinfo is not None
    assert whole == versions[0] | {"signature": {"inputs": ["x"]}, "manifest": Packed("x").to_json()}


def test_hosts_that_register_at_once_agree(database: Database, database_url: str) -> None:
    numbers: dict[str, set[int]] = {f"d-{digest}": set() for digest in range(4)}
    ready = threading.Barrier(3)

    def work() -> None:
        own = open_database(database_url, timeout=30)
        ready.wait()
        for digest, found in numbers.items():
            found.add(register(own, "m", digest))
        own.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for found in numbers.values() for number in found) == [1, 2, 3, 4]


class Signed(Packed):
    """Of a signature whose one field is called as the digest."""

    def to_json(self) -> dict[str, Any]:
        return {"content": {"signature": signature(self.digest).to_json()}, "provenance": {}}


def signature(name: str) -> Signature:
    return Signature((Field(name, "float64"),), (OutputField("y", "float64"),))


def test_the_signature_of_any_version_is_found_by_its_number(database: Database) -> None:
    with database.write() as connection:
        numbers = [service.register(connection, "a", Signed(name)) for name in ("u", "v")]
    with database.read() as connection:
        assert [service.signature(connection, "a", number) for number in numbers] == [signature("u"), signature("v")]
        assert service.signature(connection, "a", 3) is None
        assert service.signature(connection, "b", 1) is None
