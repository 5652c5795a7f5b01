"""Aliases: one mover wins, history is kept, a rollback leads back over rollbacks."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text, update
from sqlalchemy.exc import DatabaseError

from mlserve import events
from mlserve.db.engine import Database, open_database
from mlserve.errors import (
    AliasUnknown,
    ModelUnknown,
    NothingBefore,
    NotSupported,
    SignatureBreaks,
    Stale,
    VersionInUse,
    VersionRetired,
    VersionUnknown,
)
from mlserve.events import Author
from mlserve.registry import aliases, service
from mlserve.registry.aliases import Seen
from mlserve.registry.registered import Known, read_registered
from mlserve.registry.tables import aliases as aliases_table
from mlserve.signature import Field, OutputField, Signature

ANN = Author("ann", "it is better", "r1")


class Packed:
    family = "linear"

    def __init__(self, digest: str, *fields: str) -> None:
        self.digest = digest
        self.fields = fields or ("x",)

    def to_json(self) -> dict[str, Any]:
        inputs = tuple(Field(name, "float64") for name in self.fields)
        signature = Signature(inputs, (OutputField("y", "float64"),))
        return {"content": {"signature": signature.to_json()}, "provenance": {}}


def versions(connection: Connection, count: int = 4) -> None:
    for number in range(1, count + 1):
        assert service.register(connection, "m", Packed(f"d{number}"), ANN) == number


def named(connection: Connection, alias: str = "champion") -> int:
    return aliases.get(connection, "m", alias).version


def test_a_move_is_a_row_an_event_and_a_new_revision(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 2)
        before = service.revision(connection)
        first = aliases.move(connection, "m", "champion", 1, seen=Seen(None), author=ANN)
        second = aliases.move(connection, "m", "champion", 2, seen=Seen(1), author=Author("bob"))
        assert (first.revision, second.revision) == (1, 2)
        assert aliases.of_model(connection, "m") == [second]
        assert service.revision(connection) > before
        told = events.page(connection, model="m")
    moves = [(one.kind, one.version, one.alias, one.actor, one.reason, one.before, one.after) for one in told[:2]]
    assert moves == [
        ("alias_moved", 2, "champion", "bob", "", {"version": 1, "revision": 1}, {"version": 2, "revision": 2}),
        ("alias_moved", 1, "champion", "ann", "it is better", None, {"version": 1, "revision": 1}),
    ]
    assert [one.kind for one in told[2:]] == ["version_registered"] * 2
    assert told[2].after == {"digest": "d2", "family": "linear"}
    assert told[1].request_id == "r1"
    assert told == sorted(told, key=lambda one: one.id, reverse=True)


def test_events_are_read_a_page_at_a_time_of_one_model_or_of_all(database: Database) -> None:
    with database.write() as connection:
        versions(connection)
        service.register(connection, "n", Packed("d"), ANN)
        every = events.page(connection)
        assert [one.model for one in every] == ["n", "m", "m", "m", "m"]
        first = events.page(connection, model="m", limit=3)
        rest = events.page(connection, model="m", limit=3, before_id=first[-1].id)
    assert [one.version for one in first + rest] == [4, 3, 2, 1]


def test_nobody_changes_or_removes_an_event(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 1)
    statements = ["UPDATE events SET actor = 'nobody'", "DELETE FROM events"]
    statements += ["TRUNCATE events"] if database.dialect == "postgresql" else []
    for statement in statements:
        with pytest.raises(DatabaseError, match="append-only"), database.engine.begin() as connection:
            connection.execute(text(statement))
    with database.read() as connection:
        assert [one.actor for one in events.page(connection)] == ["ann"]


def test_of_two_who_have_seen_the_same_one_wins_and_the_other_is_told(database: Database, database_url: str) -> None:
    with database.write() as connection:
        versions(connection, 3)
        aliases.move(connection, "m", "champion", 1)
    ready, outcomes = threading.Barrier(2), []

    def promote(number: int) -> None:
        own = open_database(database_url, timeout=30)
        ready.wait()
        try:
            with own.write() as connection:
                aliases.move(connection, "m", "champion", number, seen=Seen(1), author=Author(f"mover {number}"))
            outcomes.append(number)
        except Stale as error:
            outcomes.append(error)  # type: ignore[arg-type]
        own.close()

    threads = [threading.Thread(target=promote, args=(number,)) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (won,) = [one for one in outcomes if isinstance(one, int)]
    (lost,) = [one for one in outcomes if isinstance(one, Stale)]
    assert lost.members == {"current": {"version": won, "revision": 2}}
    assert f"moved to version {won} by mover {won}" in str(lost)
    with database.read() as connection:
        assert named(connection) == won


def test_a_move_to_where_it_is_leaves_no_trace(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 1)
        first = aliases.move(connection, "m", "champion", 1)
        assert aliases.move(connection, "m", "champion", 1, author=ANN) == first
        assert len(events.page(connection)) == 2


def test_what_is_not_there_or_retired_cannot_be_named(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 2)
        assert service.retire(connection, "m", 2, ANN) is True
        assert service.retire(connection, "m", 2, ANN) is False
        for model, number, error in (("n", 1, ModelUnknown), ("m", 3, VersionUnknown), ("m", 2, VersionRetired)):
            with pytest.raises(error):
                aliases.move(connection, model, "champion", number)
        with pytest.raises(AliasUnknown):
            aliases.remove(connection, "m", "champion")
        with pytest.raises(Stale) as stale:
            aliases.move(connection, "m", "champion", 1, seen=Seen(4))
        assert stale.value.members == {"current": None}
        assert aliases.of_model(connection, "m") == []
        assert events.page(connection)[0].kind == "version_retired"


@pytest.mark.parametrize("alias", ["\0", "", "Champion", "a" * 64, "a\n"])
def test_what_no_alias_can_be_called_is_unknown_without_asking_the_database(database: Database, alias: str) -> None:
    with database.write() as connection:
        versions(connection, 1)
        for ask in (aliases.get, aliases.remove, aliases.roll_back):
            with pytest.raises(AliasUnknown, match="is no name of an alias"):
                ask(connection, "m", alias)
        with pytest.raises(AliasUnknown, match="is no name of an alias"):
            aliases.move(connection, "m", alias, 1)


def test_a_family_that_the_process_lacks_is_refused_unless_somebody_insists(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 2)
        aliases.move(connection, "m", "champion", 1, families={"linear"})
        for alias in ("champion", "shadow"):
            with pytest.raises(NotSupported, match="Version 2 of model m is of family linear, which no enabled plugin"):
                aliases.move(connection, "m", alias, 2, families={"other"})
        assert aliases.move(connection, "m", "champion", 2, families={"other"}, force=True).version == 2


def test_what_an_alias_names_cannot_be_retired(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 1)
        aliases.move(connection, "m", "champion", 1)
        aliases.move(connection, "m", "shadow", 1)
        with pytest.raises(VersionInUse, match="what champion and shadow name: move or remove these aliases first"):
            service.retire(connection, "m", 1)
        with pytest.raises(VersionUnknown):
            service.retire(connection, "m", 9)


def test_a_version_that_would_break_callers_needs_force(database: Database) -> None:
    with database.write() as connection:
        service.register(connection, "m", Packed("d1", "x", "y"))
        service.register(connection, "m", Packed("d2", "x"))
        aliases.move(connection, "m", "champion", 1)
        with pytest.raises(SignatureBreaks, match="input 'y' is gone") as refused:
            aliases.move(connection, "m", "champion", 2)
        assert [(one.code, one.field) for one in refused.value.problems] == [("field_gone", "y")]
        aliases.move(connection, "m", "challenger", 2)  # It has no callers yet.
        aliases.move(connection, "m", "champion", 2, force=True)
        assert named(connection) == 2


def test_rollbacks_lead_further_back_each_time_and_skip_what_is_retired(database: Database) -> None:
    with database.write() as connection:
        versions(connection)
        for number in (1, 2, 3, 4):
            aliases.move(connection, "m", "champion", number)
        assert [aliases.roll_back(connection, "m", "champion").version for _ in range(2)] == [3, 2]
        aliases.move(connection, "m", "champion", 4)  # 1 2 4
        service.retire(connection, "m", 3)
        assert aliases.roll_back(connection, "m", "champion", author=ANN).version == 2
        service.retire(connection, "m", 4)
        assert aliases.roll_back(connection, "m", "champion").version == 1
        with pytest.raises(NothingBefore, match="nothing further back than version 1 "):
            aliases.roll_back(connection, "m", "champion")
        aliases.move(connection, "m", "champion", 2)
        service.retire(connection, "m", 1)
        with pytest.raises(NothingBefore):
            aliases.roll_back(connection, "m", "champion")


def test_going_back_and_forth_by_hand_is_no_rollback(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 2)
        for number in (1, 2, 1):
            aliases.move(connection, "m", "champion", number)
        assert aliases.version_before(connection, "m", "champion") == 2


def test_where_rollbacks_lead_is_asked_for_all_aliases_at_once(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 3)
        for alias, numbers in (("champion", (1, 2, 3)), ("shadow", (3, 1)), ("blue", (2,))):
            for number in numbers:
                aliases.move(connection, "m", alias, number)
        aliases.roll_back(connection, "m", "champion")
        assert aliases.versions_before(connection, "m") == {"champion": 1, "shadow": 3}
        service.retire(connection, "m", 3)
        assert aliases.versions_before(connection, "m") == {"champion": 1}
        assert aliases.version_before(connection, "m", "blue") is None


def test_a_removed_alias_is_gone_and_its_revisions_go_on(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 2)
        aliases.move(connection, "m", "champion", 1)
        with pytest.raises(Stale):
            aliases.remove(connection, "m", "champion", seen=Seen(7))
        aliases.remove(connection, "m", "champion", seen=Seen(1), author=ANN)
        assert aliases.find(connection, "m", "champion") is None
        again = aliases.move(connection, "m", "champion", 2, seen=Seen(None))
        assert again.revision == 2  # Whoever has seen revision 1 has seen another life of it.
        with pytest.raises(Stale):
            aliases.move(connection, "m", "champion", 1, seen=Seen(1))
        removed = events.page(connection)[1]
    assert (removed.kind, removed.version, removed.before, removed.after) == (
        "alias_removed",
        1,
        {"version": 1, "revision": 1},
        None,
    )


def test_what_was_live_at_a_time(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 2)
        moves = [aliases.move(connection, "m", "champion", number, author=ANN) for number in (1, 2)]
        aliases.move(connection, "m", "shadow", 1)
        aliases.remove(connection, "m", "champion")

        def at(moment: datetime, alias: str | None = None) -> dict[str, tuple[int, str]]:
            found = aliases.at(connection, "m", moment, alias)
            return {one["alias"]: (one["version"], one["moved_by"]) for one in found}

        assert at(moves[0].moved_at - timedelta(seconds=1)) == {}
        assert at(moves[0].moved_at) == {"champion": (1, "ann")}
        assert at(moves[1].moved_at) == {"champion": (2, "ann")}
        assert at(datetime.now(UTC) + timedelta(days=1)) == {"shadow": (1, "")}
        assert at(datetime.now(UTC) + timedelta(days=1), "champion") == {}
        assert aliases.at(connection, "m", moves[1].moved_at)[0]["reason"] == "it is better"


def test_the_times_of_an_alias_rise_whatever_a_host_s_clock_says(database: Database) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with database.write() as connection:
        versions(connection, 2)
        aliases.move(connection, "m", "champion", 1)
        connection.execute(update(aliases_table).values(moved_at=tomorrow))
        assert aliases.move(connection, "m", "champion", 2).moved_at > tomorrow


def test_an_alias_that_is_made_again_by_a_host_whose_clock_is_behind_is_younger_than_its_removal(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - timedelta(seconds=5)

    with database.write() as connection:
        versions(connection, 2)
        for number in (1, 2):
            aliases.move(connection, "m", "champion", number)
        aliases.remove(connection, "m", "champion")
        monkeypatch.setattr("mlserve.registry.aliases.datetime", Behind)
        again = aliases.move(connection, "m", "champion", 1)
        assert again.revision == 3
        (live,) = aliases.at(connection, "m", again.moved_at)
        assert (live["version"], live["revision"]) == (1, 3)
        assert aliases.version_before(connection, "m", "champion") == 2


def test_people_write_about_a_version_and_what_they_wrote_before_stays_in_the_events(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 1)
        service.describe(
            connection, "m", 1, description="of spring", tags={"team": "a", "season": "spring"}, author=ANN
        )
        service.describe(connection, "m", 1, tags={"team": None, "owner": "bob"})
        service.describe(connection, "m", 1, tags={})
        row = service.version(connection, "m", 1)
        told = events.page(connection)
    assert (row["description"], row["tags"], row["created_by"]) == (
        "of spring",
        {"season": "spring", "owner": "bob"},
        "ann",
    )
    assert [one.kind for one in told] == ["version_described", "version_described", "version_registered"]
    assert told[0].before["tags"] == {"team": "a", "season": "spring"}


def test_the_registry_is_read_whole(database: Database) -> None:
    with database.write() as connection:
        versions(connection, 2)
        service.declare(connection, "m", "d1")
        service.retire(connection, "m", 2)
        aliases.move(connection, "m", "champion", 1)
    with database.read() as connection:
        found = read_registered(connection)
        assert found.revision == service.revision(connection)
    assert found.versions == {"m": {1: Known("d1", "linear"), 2: Known("d2", "linear", True)}}
    assert (found.aliases, found.declared) == ({"m": {"champion": 1}}, {"m": "d1"})
