"""The reproduction of a kept prediction as a REST resource."""

from typing import Any

from mlserve.api.resources import Resource
from mlserve.predictions import operations
from mlserve.predictions.reproduction import describe_reproduction
from mlserve.predictions.resources import find


class ReproductionResource(Resource):
    """Whether a kept prediction is answered the same way once more."""

    operations = operations.REPRODUCTION

    def post(self) -> dict[str, Any]:
        """Ask the very bundle again, and keep nothing."""
        record = find(self.request, self.context.model.name)
        return describe_reproduction(record, self.request.mlserve.reproducing.of_kept(record))
