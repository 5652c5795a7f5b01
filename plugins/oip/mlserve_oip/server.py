"""The server and its models: whether they are there, and what they take and answer."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, ClassVar, Final

from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.models import standings, standings_of
from mlserve_oip import operations
from mlserve_oip.configuration import configuration
from mlserve_oip.paths import target_of
from mlserve_oip.presentation import presentations_of

_VERSION: Final = version("pyramid-mlserve")
EXTENSIONS: Final = ("binary_tensor_data", "model_repository", "statistics", "model_configuration", "parameters")


class ServerResource(Resource):
    """`/v2`, and `/v2/` as the specification's own description of it has it."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.SERVER}

    def get(self) -> dict[str, Any]:
        return {"name": "mlserve", "version": _VERSION, "extensions": EXTENSIONS}


class LiveResource(Resource):
    """`/v2/health/live`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.LIVE}

    def get(self) -> dict[str, Any]:
        return {"live": True}


class ReadyResource(Resource):
    """`/v2/health/ready`, under both of the names that the specification and its clients have for it."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.READY}

    def get(self) -> dict[str, Any]:
        well, _ = self.request.mlserve.readiness()
        if not well:
            self.request.response.status_int = 503
        return {"live": well, "ready": well}


class ModelsResource(Resource):
    """`/v2/models`: those that the caller may see."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.MODELS}

    def get(self) -> dict[str, Any]:
        return {"models": list(dict.fromkeys(one.model for one in standings(self.request) if one.state != "idle"))}


class ModelResource(Resource):
    """`/v2/models/{model}[/versions/{version}]`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.MODEL}

    def get(self) -> dict[str, Any]:
        """The tensors, and with a version that one only."""
        one = "version" in self.request.matchdict
        with target_of(self.request) as target:
            lineage = target.loaded.lineage
            presentation = presentations_of(self.request).of(target.loaded)
        numbers = [lineage.version] if one else [it.version for it in standings_of(self.request, lineage.model)]
        return {
            "name": lineage.model,
            "versions": [str(number) for number in numbers],
            "platform": f"mlserve_{lineage.family}",
            "inputs": [tensor.described() for tensor in presentation.inputs.values()],
            "outputs": [tensor.described() for tensor in presentation.outputs.values()],
            "properties": {
                "version": str(lineage.version),
                "digest": lineage.digest,
                "engine": lineage.engine,
                "library": lineage.library,
            },
        }


class ModelReadyResource(Resource):
    """`/v2/models/{model}[/versions/{version}]/ready`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.MODEL_READY}

    def get(self) -> dict[str, Any]:
        """A version that no alias names is loaded by this question, so that the answer is true."""
        with target_of(self.request) as target:
            return {"name": target.loaded.lineage.model, "ready": True}


class ConfigurationResource(Resource):
    """`/v2/models/{model}[/versions/{version}]/config`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.CONFIGURATION}

    def get(self) -> dict[str, Any]:
        with target_of(self.request) as target:
            return configuration(target.loaded, presentations_of(self.request).of(target.loaded))
