"""The model repository extension: which versions there are, and to let a model answer or not."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.errors import Invalid, NotSupported, Problem, Unreadable
from mlserve.models import load, standings, unload
from mlserve.protocols import JSON, media_type_sent, read_body
from mlserve_oip import operations

T = TypeVar("T")

_STATES: Final = {
    "ready": "READY",
    "loading": "LOADING",
    "failed": "UNAVAILABLE",
    "draining": "UNLOADING",
    "idle": "UNAVAILABLE",
}
# What Triton's asyncio client and `curl -d` say of every body; and what clients say of one that they have left empty.
_OF_ANY: Final = (operations.OCTETS, operations.FORM)
_OF_EMPTY: Final = (*_OF_ANY, "text/plain")


class IndexRequest(msgspec.Struct, frozen=True):
    ready: bool = False


class ControlRequest(msgspec.Struct, frozen=True):
    parameters: dict[str, str | bool | int | float] | None = None


class IndexResource(Resource):
    """`/v2/repository/index`: every version of the models that the caller may see."""

    operations: ClassVar[Mapping[str, Operation]] = {"post": operations.INDEX}

    def post(self) -> list[dict[str, Any]]:
        ready = _read(self.request, IndexRequest).ready
        return [
            {"name": one.model, "version": str(one.version), "state": _STATES[one.state], "reason": one.reason}
            for one in standings(self.request)
            if one.state == "ready" or not ready
        ]


class LoadResource(Resource):
    """`/v2/repository/models/{model}/load`."""

    operations: ClassVar[Mapping[str, Operation]] = {"post": operations.LOAD}

    def post(self) -> dict[str, Any]:
        parameters = _read(self.request, ControlRequest).parameters or {}
        if any(name == "config" or name.startswith("file:") for name in parameters):
            raise NotSupported(
                "A model's files and configuration come in a bundle, whose digest says what it is: deploy that."
            )
        version = parameters.get("version")
        model = self.request.matchdict["model"]
        load(self.request, model, None if version is None else str(version))
        return {}


class UnloadResource(Resource):
    """`/v2/repository/models/{model}/unload`."""

    operations: ClassVar[Mapping[str, Operation]] = {"post": operations.UNLOAD}

    def post(self) -> dict[str, Any]:
        _read(self.request, ControlRequest)
        unload(self.request, self.request.matchdict["model"])
        return {}


def _read(request: Any, kind: type[T]) -> T:
    """The body, which may be empty. Raises Unreadable, Invalid, TooLarge, UnsupportedMediaType."""
    body = read_body(request)
    media_type_sent(request, JSON, alike=_OF_ANY if body else _OF_EMPTY)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        expected, _, place = str(error).partition(" - at `$")
        problem = Problem("type", expected.replace("`", ""), pointer=place.strip("`").replace(".", "/"))
        raise Invalid("The request is not one of the protocol.", problems=[problem]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"The request is not JSON: {error}.") from error
