"""Keys in the database, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from mlserve import events
from mlserve.auth import keys
from mlserve.auth.tables import api_keys
from mlserve.db.engine import Database
from mlserve.errors import KeyUnknown
from mlserve.events import Author
from tests.unit.auth.factories import TEST, create_key


def test_each_change_of_a_key_is_an_event_that_tells_who_and_why(database: Database) -> None:
    expires = datetime.now(UTC) + timedelta(hours=1)
    with database.write() as connection:
        made = keys.create(connection, "app", {"predict", "observe"}, Author("user:ada", "new"), expires_at=expires)
        keys.revoke_one(connection, made.id, Author("user:bob", "lost", "r-1"))
        # Who revokes it again changes nothing.
        keys.revoke_one(connection, made.id, TEST)
        revoked, created = events.page(connection)
        row = keys.get(connection, made.id)
    told = {"id": made.id, "name": "app", "roles": ["observe", "predict"], "models": None}
    told["expires_at"] = expires.isoformat().replace("+00:00", "Z")
    assert (created.kind, created.actor, created.reason, created.before) == ("key_created", "user:ada", "new", None)
    assert created.after == told
    assert (revoked.kind, revoked.actor, revoked.reason, revoked.after) == ("key_revoked", "user:bob", "lost", None)
    assert (revoked.before, revoked.request_id) == (told, "r-1")
    assert (row["revoked_by"], row["expires_at"]) == ("user:bob", expires)
    assert "digest" not in row


def test_a_key_is_revoked_by_its_id_its_text_or_with_all_of_its_name(database: Database) -> None:
    with database.write() as connection:
        made = [keys.create(connection, name, ["predict"], TEST) for name in ("app", "app", "other", "third")]
        assert keys.revoke(connection, made[2].text, TEST) == [made[2].id]
        assert keys.revoke(connection, f"mls_{made[3].id}", TEST) == [made[3].id]
        assert sorted(keys.revoke(connection, "app", TEST)) == sorted([made[0].id, made[1].id])
        assert keys.known(connection) == {}
        with pytest.raises(KeyUnknown, match="'app'"):
            keys.revoke(connection, "app", TEST)
        with pytest.raises(KeyUnknown) as refused:
            keys.revoke(connection, made[2].text, TEST)
    # The secret of what was given stays out of sight.
    assert made[2].id in refused.value.detail
    assert made[2].text not in refused.value.detail


def test_the_last_use_is_kept_and_never_goes_back(database: Database) -> None:
    create_key(database)
    with database.write() as connection:
        (key_id,) = connection.scalars(select(api_keys.c.id))
        keys.used(connection, {key_id: 2000.0})
        keys.used(connection, {key_id: 1000.0, "gone": 1.0})
        assert connection.scalar(select(api_keys.c.last_used_at)) == datetime.fromtimestamp(2000, UTC)
