"""The statistics extension: what versions have answered, from the metrics of this host."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mlserve.api.operations import Operation
from mlserve.api.resources import Resource
from mlserve.models import Measured, Outcome, measured, number_of, require_model
from mlserve_oip import operations

# What is not measured by itself has been seen no time, which is what a count of 0 says.
_UNMEASURED = ("queue", "compute_input", "compute_infer", "compute_output", "cache_miss")


class AllStatisticsResource(Resource):
    """`/v2/models/stats`: of the models that the caller may see."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.ALL_STATISTICS}

    def get(self) -> dict[str, Any]:
        return {"model_stats": [_described(one) for one in measured(self.request)]}


class StatisticsResource(Resource):
    """`/v2/models/{model}[/versions/{version}]/stats`."""

    operations: ClassVar[Mapping[str, Operation]] = {"get": operations.STATISTICS}

    def get(self) -> dict[str, Any]:
        match = self.request.matchdict
        require_model(self.request, match["model"])
        found = measured(self.request, match["model"])
        if "version" in match:
            number = number_of(self.request, match["model"], match["version"])
            found = [one for one in found if one.version == number] or [Measured(match["model"], number)]
        return {"model_stats": [_described(one) for one in found]}


def _described(one: Measured) -> dict[str, Any]:
    """A stored answer to an Idempotency-Key that came before is what the protocol calls a hit of the cache."""
    return {
        "name": one.model,
        "version": str(one.version),
        "inference_count": one.instances,
        "execution_count": one.outcomes.get("ok", (0, 0.0))[0],
        "inference_stats": {
            "success": _sum(one, "ok", "replayed"),
            "fail": _sum(one, "refused", "failed"),
            "cache_hit": _sum(one, "replayed"),
            **{name: {"count": 0, "ns": 0} for name in _UNMEASURED},
        },
        "batch_stats": [],
    }


def _sum(one: Measured, *outcomes: Outcome) -> dict[str, int]:
    found = [one.outcomes.get(outcome, (0, 0.0)) for outcome in outcomes]
    return {"count": sum(count for count, _ in found), "ns": round(sum(seconds for _, seconds in found) * 1e9)}
