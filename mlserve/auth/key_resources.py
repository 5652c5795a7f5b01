"""Keys as REST resources, for administrators: make one, list them, revoke one."""

from typing import Any

from sqlalchemy import Connection

from mlserve.api.addresses import path_of
from mlserve.api.bodies import json_body
from mlserve.api.members import members
from mlserve.api.query import read_query
from mlserve.api.reason import ReasonQuery
from mlserve.api.resources import Resource
from mlserve.auth import caller_operations as operations
from mlserve.auth import keys
from mlserve.auth.admins import one_left
from mlserve.auth.caller_requests import NEW_KEY, CallersContext, time_of
from mlserve.auth.described import describe_key
from mlserve.auth.key_text import id_of
from mlserve.errors import Forbidden, KeyUnknown
from mlserve.events import author_of


class KeysResource(Resource):
    """The keys that programs call with; who is of some models has to do with keys of these only."""

    operations = operations.KEYS
    context: CallersContext

    def get(self) -> dict[str, Any]:
        """The keys, the newest first."""
        covers = self.context.identity.covers
        with self.request.mlserve.database.read() as connection:
            rows = keys.listed(connection)
        return {"keys": [describe_key(row) for row in rows if covers(row["models"])]}

    def post(self) -> dict[str, Any]:
        """Make a key, which this answer alone shows."""
        body = members(json_body(self.request), NEW_KEY, ("name", "roles"), hidden=True)
        models = body.get("models")
        self.context.require(models)
        author = author_of(self.request, body.get("reason", ""))
        rights: dict[str, Any] = {"models": models, "expires_at": time_of(body.get("expires_at"))}
        with self.request.mlserve.database.write() as connection:
            self._require_own_name(connection, body["name"])
            made = keys.create(connection, body["name"], {*body["roles"]}, author, **rights)
            row = keys.get(connection, made.id)
        self.context.renew()
        response = self.request.response
        response.status_int = 201
        response.headers["Location"] = f"{path_of(self.request.environ)}/{made.id}"
        response.headers["Cache-Control"] = "no-store"
        return {**describe_key(row), "key": made.text}

    def _require_own_name(self, connection: Connection, name: str) -> None:
        """Keys of one name are one caller: what they sent, and how often, is told and counted together."""
        covers = self.context.identity.covers
        if any(row["name"] == name and not covers(row["models"]) for row in keys.listed(connection)):
            raise Forbidden(
                f"There are keys {name!r} for other models, and keys of one name are one caller: take another."
            )


class KeyResource(Resource):
    """One key."""

    operations = operations.KEY
    context: CallersContext

    def get(self) -> dict[str, Any]:
        """What the key may, who made it, and when it was last used."""
        with self.request.mlserve.database.read() as connection:
            return describe_key(self._found(connection))

    def delete(self) -> dict[str, Any]:
        """Revoke the key; one that was revoked before stays as it is."""
        reason = read_query(self.request.environ, ReasonQuery)["reason"]
        with self.request.mlserve.database.write() as connection, one_left(connection):
            key_id = self._found(connection)["id"]
            keys.revoke_one(connection, key_id, author_of(self.request, reason))
            row = keys.get(connection, key_id)
        self.context.renew()
        return describe_key(row)

    def _found(self, connection: Connection) -> dict[str, Any]:
        """Raises KeyUnknown, also for a key that goes beyond the caller's models."""
        key_id = id_of(self.request.matchdict["id"])
        row = None if key_id is None else keys.get(connection, key_id)
        if row is None or not self.context.identity.covers(row["models"]):
            raise KeyUnknown("There is no key of this id.")
        return row
