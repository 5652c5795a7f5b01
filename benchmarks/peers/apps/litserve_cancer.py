"""A model of 30 named floats as an API of LitServe: `litserve_cancer.py PORT WORKERS`."""

import logging
import os
import sys
from operator import itemgetter

import litserve
import numpy as np
import xgboost


class Cancer(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.booster = xgboost.Booster(model_file=os.environ["MODEL"])
        self.booster.set_param("nthread", 1)
        self.values_of = itemgetter(*self.booster.feature_names)

    def decode_request(self, request: dict) -> np.ndarray:
        return np.array([self.values_of(instance) for instance in request["instances"]], np.float32)

    def predict(self, matrix: np.ndarray) -> list[float]:
        return self.booster.inplace_predict(matrix).tolist()

    def encode_response(self, values: list[float]) -> dict:
        return {"outputs": [{"probability": value} for value in values]}


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    server = litserve.LitServer(Cancer(), accelerator="cpu", workers_per_device=int(sys.argv[2]))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="critical", generate_client_file=False)
