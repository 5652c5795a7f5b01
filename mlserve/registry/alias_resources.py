"""Aliases and their history as REST resources; who moves one says which state of it they have seen."""

from typing import Any

from mlserve.api.bodies import json_body
from mlserve.api.members import members
from mlserve.api.query import read_query
from mlserve.api.reason import ReasonQuery
from mlserve.api.resources import Resource
from mlserve.api.times import time_text
from mlserve.errors import Invalid, Problem
from mlserve.events import author_of
from mlserve.events.resources import answer_page, page_of
from mlserve.registry import alias_operations as operations
from mlserve.registry import aliases, service
from mlserve.registry.aliases import Alias
from mlserve.registry.described import describe_alias
from mlserve.registry.requests import MOVE, seen_by


class AliasesResource(Resource):
    """Every alias of a model."""

    operations = operations.ALIASES

    def get(self) -> dict[str, Any]:
        """The aliases by name."""
        model = self.context.name
        with self.request.mlserve.database.read() as connection:
            service.require(connection, model)
            named = aliases.of_model(connection, model)
            before = aliases.versions_before(connection, model)
        live = self.request.mlserve.live.find(model)
        return {"aliases": [describe_alias(alias, live, before.get(alias.alias)) for alias in named]}


class AliasResource(Resource):
    """One alias of a model."""

    operations = operations.ALIAS

    def get(self) -> dict[str, Any]:
        """What it names, and under which ETag it can be moved."""
        model, name = self.context.name, self.request.matchdict["alias"]
        with self.request.mlserve.database.read() as connection:
            service.require(connection, model)
            return self._answer(connection, aliases.get(connection, model, name))

    def put(self) -> dict[str, Any]:
        """Let it name a version, or with `back` what it named before; what it names from then on is loaded at once."""
        model, name = self.context.name, self.request.matchdict["alias"]
        seen = seen_by(self.request.environ)
        body = members(json_body(self.request), MOVE)
        author = author_of(self.request, body.get("reason", ""))
        back = body.get("back", False)
        if back == ("version" in body):
            problem = Problem("required", "the version, or back: true", "both" if back else "neither", "/version")
            raise Invalid("The body is not right.", problems=[problem])
        application = self.request.mlserve
        with application.database.write() as connection:
            if back:
                moved = aliases.roll_back(connection, model, name, seen=seen, author=author)
            else:
                version, force = body["version"], body.get("force", False)
                moved = aliases.move(
                    connection,
                    model,
                    name,
                    version,
                    seen=seen,
                    author=author,
                    force=force,
                    families=application.families,
                )
            answer = self._answer(connection, moved)
        application.registry.expect(model, name)
        return answer

    def delete(self) -> dict[str, Any]:
        """Forget it; its history stays."""
        model, name = self.context.name, self.request.matchdict["alias"]
        seen = seen_by(self.request.environ)
        author = author_of(self.request, read_query(self.request.environ, ReasonQuery)["reason"])
        with self.request.mlserve.database.write() as connection:
            removed = aliases.remove(connection, model, name, seen=seen, author=author)
            told = _described(self.request, connection, removed)
        self.request.mlserve.registry.wake()
        return told

    def _answer(self, connection: Any, alias: Alias) -> dict[str, Any]:
        self.request.response.headers["ETag"] = f'"{alias.revision}"'
        return _described(self.request, connection, alias)


class HistoryResource(Resource):
    """What became of a model, and what its aliases named at a time."""

    operations = operations.HISTORY

    def get(self) -> dict[str, Any]:
        """The events, newest first, a page at a time; with `at`, what each alias named at that time."""
        model = self.context.name
        query = read_query(self.request.environ, operations.HistoryQuery)
        moment = query.pop("at")
        with self.request.mlserve.database.read() as connection:
            service.require(connection, model)
            if moment is not None:
                found = aliases.at(connection, model, moment, query["alias"])
                told = [{**one, "moved_at": time_text(one["moved_at"])} for one in found]
                return {"at": time_text(moment), "aliases": told}
            page = page_of(connection, query, model=model, changes=True)
        return answer_page(self.request, page)


def _described(request: Any, connection: Any, alias: Alias) -> dict[str, Any]:
    before = aliases.version_before(connection, alias.model, alias.alias)
    return describe_alias(alias, request.mlserve.live.find(alias.model), before)
