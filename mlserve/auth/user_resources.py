"""Users as REST resources, for administrators: add, list, change and remove who logs in to the pages."""

from contextlib import suppress
from typing import Any

from sqlalchemy import Connection

from mlserve.api.addresses import path_of
from mlserve.api.bodies import json_body
from mlserve.api.members import members
from mlserve.api.query import read_query
from mlserve.api.reason import ReasonQuery
from mlserve.api.resources import Resource
from mlserve.auth import caller_operations as operations
from mlserve.auth import users
from mlserve.auth.admins import one_left
from mlserve.auth.caller_requests import NEW_USER, USER, CallersContext
from mlserve.auth.described import describe_user
from mlserve.auth.identity import NAME
from mlserve.errors import UserUnknown
from mlserve.events import author_of


class UsersResource(Resource):
    """The people who log in; who is of some models has to do with users of these only."""

    operations = operations.USERS
    context: CallersContext

    def get(self) -> dict[str, Any]:
        """The users by name."""
        covers = self.context.identity.covers
        with self.request.mlserve.database.read() as connection:
            rows = users.listed(connection)
        return {"users": [describe_user(row) for row in rows if covers(row["models"])]}

    def post(self) -> dict[str, Any]:
        """Add a user, who may log in at once."""
        body = members(json_body(self.request), NEW_USER, ("name", "password", "roles"), hidden=True)
        name, models = body["name"], body.get("models")
        self.context.require(models)
        author = author_of(self.request, body.get("reason", ""))
        hashed = self.context.policy.access.logins.passwords.hash(body["password"])
        with self.request.mlserve.database.write() as connection:
            users.add(connection, name, hashed, {*body["roles"]}, author, models=models)
            row = users.get(connection, name)
        self.context.renew()
        self.request.response.status_int = 201
        self.request.response.headers["Location"] = f"{path_of(self.request.environ)}/{name}"
        return describe_user(row)


class UserResource(Resource):
    """One user."""

    operations = operations.USER
    context: CallersContext

    def get(self) -> dict[str, Any]:
        """What the user may, and when they last logged in."""
        with self.request.mlserve.database.read() as connection:
            return describe_user(self._found(connection))

    def patch(self) -> dict[str, Any]:
        """Change the password, the roles or the models; what is not given stays."""
        body = members(json_body(self.request), USER, hidden=True)
        author = author_of(self.request, body.get("reason", ""))
        password = body.get("password")
        # Outside of the transaction: it takes long, on purpose.
        hashed = None if password is None else self.context.policy.access.logins.passwords.hash(password)
        with self.request.mlserve.database.write() as connection, one_left(connection):
            row = self._found(connection)
            rights = {name: body.get(name, row[name]) for name in ("roles", "models")}
            self.context.require(rights["models"])
            users.set_rights(connection, row["name"], {*rights["roles"]}, rights["models"], author)
            if hashed is not None:
                users.set_password(connection, row["name"], hashed, author)
            row = users.get(connection, row["name"])
        self.context.renew()
        return describe_user(row)

    def delete(self) -> dict[str, Any]:
        """Remove the user, whose sessions end; the answer is what they were."""
        reason = read_query(self.request.environ, ReasonQuery)["reason"]
        with self.request.mlserve.database.write() as connection, one_left(connection):
            name = self._found(connection)["name"]
            row = users.remove(connection, name, author_of(self.request, reason))
        self.context.renew()
        return describe_user(row)

    def _found(self, connection: Connection) -> dict[str, Any]:
        """Raises UserUnknown, also for a user that goes beyond the caller's models."""
        name = self.request.matchdict["name"]
        if NAME.fullmatch(name):
            with suppress(UserUnknown):
                row = users.get(connection, name)
                if self.context.identity.covers(row["models"]):
                    return row
        # Without the name, which may be a key in the wrong place.
        raise UserUnknown("There is no user of this name.")
