"""What Triton's clients ask of beside the protocol, and there is nothing of: shared memory, traces, other log settings.

To look at it is answered truly: there is no region, no trace. To change it is refused, but to remove what is not there.
"""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

from mlserve.api.operations import Operation
from mlserve.api.problems import NoSuchResource
from mlserve.api.resources import Resource
from mlserve.errors import NotSupported
from mlserve_oip import operations


class TraceResource(Resource):
    """`/v2[/models/{model}]/trace/setting`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.LOOK, "post": operations.CHANGE}

    def get(self) -> dict[str, Any]:
        if "model" in self.request.matchdict:
            self.request.mlserve.live.get(self.request.matchdict["model"])
        return {
            "trace_level": ["OFF"],
            "trace_rate": "0",
            "trace_count": "0",
            "log_frequency": "0",
            "trace_file": "",
            "trace_mode": "triton",
        }

    def post(self) -> None:
        raise NotSupported("There are no traces here; the metrics at /metrics tell how long predictions take.")


class LoggingResource(Resource):
    """`/v2/logging`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.LOOK, "post": operations.CHANGE}

    def get(self) -> dict[str, Any]:
        log = logging.getLogger("mlserve")
        return {
            "log_file": "",
            "log_info": log.isEnabledFor(logging.INFO),
            "log_warning": log.isEnabledFor(logging.WARNING),
            "log_error": log.isEnabledFor(logging.ERROR),
            "log_verbose_level": int(log.isEnabledFor(logging.DEBUG)),
            "log_format": "default",
        }

    def post(self) -> None:
        raise NotSupported("What is logged is said by the INI of the server.")


class MemoryStatusResource(Resource):
    """`/v2/{memory}/status` and `/v2/{memory}/region/{region}/status`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.LOOK_AT_LIST}

    def get(self) -> list[Any]:
        if "region" in self.request.matchdict:
            region = self.request.matchdict["region"]
            raise NoSuchResource(f"There is no region {region!r}: there is no shared memory here.")
        return []


class MemoryRegisterResource(Resource):
    """`/v2/{memory}/region/{region}/register`."""

    operations: ClassVar[Mapping[str, Operation]] = {"post": operations.CHANGE}

    def post(self) -> None:
        raise NotSupported("There is no shared memory here: send tensors in the body.")


class MemoryUnregisterResource(Resource):
    """`/v2/{memory}/unregister` and `/v2/{memory}/region/{region}/unregister`."""

    operations: ClassVar[Mapping[str, Operation]] = {"post": operations.CHANGE}

    def post(self) -> dict[str, Any]:
        return {}


MEMORY = "/v2/{memory:systemsharedmemory|cudasharedmemory}"
RESOURCES: Mapping[str, tuple[str, type[Resource]]] = {
    "trace": ("/v2/trace/setting", TraceResource),
    "model_trace": ("/v2/models/{model}/trace/setting", TraceResource),
    "logging": ("/v2/logging", LoggingResource),
    "memory": (f"{MEMORY}/status", MemoryStatusResource),
    "region": (f"{MEMORY}/region/{{region}}/status", MemoryStatusResource),
    "register": (f"{MEMORY}/region/{{region}}/register", MemoryRegisterResource),
    "unregister_all": (f"{MEMORY}/unregister", MemoryUnregisterResource),
    "unregister": (f"{MEMORY}/region/{{region}}/unregister", MemoryUnregisterResource),
}
