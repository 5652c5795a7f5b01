"""A model of 30 floats as a model of KServe's SDK, protocol V1."""

import logging
import os

import kserve
import numpy as np
import xgboost


class Cancer(kserve.Model):
    def load(self) -> None:
        self.booster = xgboost.Booster(model_file=os.environ["MODEL"])
        self.booster.set_param("nthread", 1)
        self.ready = True

    async def predict(self, payload: dict, headers: dict | None = None, response_headers: dict | None = None) -> dict:
        matrix = np.array(payload["instances"], np.float32)
        return {"predictions": self.booster.inplace_predict(matrix).tolist()}


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    model = Cancer("model")
    model.load()
    kserve.ModelServer().start([model])
