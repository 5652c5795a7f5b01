"""What each linear model offers beside its predictions: a review, kept in the plugin's own table."""

from typing import Any

from sqlalchemy import text

from mlserve.api.resources import ModelResource
from mlserve.predictions.resources import PredictionsResource


class LinearPredictions(PredictionsResource):
    """Predictions of linear models."""

    family = "linear"


class LinearReview(ModelResource):
    """Who has read the coefficients."""

    family = "linear"

    def get(self) -> dict[str, Any]:
        with self.request.mlserve.database.read() as connection:
            found = connection.execute(
                text("SELECT reviewer FROM linear_reviews WHERE model = :m"), {"m": self.model_name}
            )
            return {"model": self.model_name, "reviewers": sorted(found.scalars())}

    def put(self) -> dict[str, Any]:
        values = {"m": self.model_name, "r": self.request.headers.get("X-Reviewer", "somebody")}
        with self.request.mlserve.database.write() as connection:
            connection.execute(text("INSERT INTO linear_reviews (model, reviewer) VALUES (:m, :r)"), values)
        return self.get()

    @property
    def model_name(self) -> str:
        return str(self.context.model.name)
