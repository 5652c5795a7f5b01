"""A model of 30 named floats as a service of BentoML."""

import os
from operator import attrgetter

import bentoml
import numpy as np
import xgboost
from pydantic import ConfigDict, create_model

FIELDS = xgboost.Booster(model_file=os.environ["MODEL"]).feature_names
Cells = create_model("Cells", __config__=ConfigDict(extra="forbid", strict=True), **dict.fromkeys(FIELDS, (float, ...)))
values_of = attrgetter(*FIELDS)


@bentoml.service(workers=int(os.environ["WORKERS"]), logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Cancer:
    def __init__(self) -> None:
        self.booster = xgboost.Booster(model_file=os.environ["MODEL"])
        self.booster.set_param("nthread", 1)

    @bentoml.api
    async def predict(self, instances: list[Cells]) -> dict:
        matrix = np.array([values_of(cells) for cells in instances], np.float32)
        return {"outputs": [{"probability": value} for value in self.booster.inplace_predict(matrix).tolist()]}
