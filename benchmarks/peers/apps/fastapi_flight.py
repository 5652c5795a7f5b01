"""The flight model served by hand, as a careful engineer would for speed: FastAPI, pydantic, XGBoost's own Python API.

It checks what mlserve checks by the model's signature: types, ranges, categories, no other fields. Runs in the
environment of the peers, and imports nothing of mlserve.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import xgboost
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

MODEL = Path(os.environ["MODEL"])
SIGNATURE = json.loads(MODEL.with_name(MODEL.name + ".signature.json").read_bytes())
CODES = [
    {category: code for code, category in enumerate(field["categories"])}
    for field in SIGNATURE["inputs"]
    if field["type"] == "category"
]
CARRIERS, ORIGINS, DESTINATIONS = CODES
UNSEEN = len(DESTINATIONS)
THRESHOLD = SIGNATURE["outputs"][1]["threshold"]


def reading(low: float, high: float) -> object:
    return Annotated[float, Field(ge=low, le=high, allow_inf_nan=False)] | None


class Flight(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    carrier: Literal["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
    origin: Literal["EWR", "JFK", "LGA"]
    dest: str  # One that training never saw is answered as such.
    month: Annotated[int, Field(ge=1, le=12)]
    day_of_week: Annotated[int, Field(ge=1, le=7)]
    hour: Annotated[int, Field(ge=0, le=23)]
    minute: Annotated[int, Field(ge=0, le=59)]
    distance: Annotated[int, Field(ge=1, le=12500)]
    temp: reading(-80, 140) = None
    dewp: reading(-100, 100) = None
    humid: reading(0, 100) = None
    wind_dir: reading(0, 360) = None
    wind_speed: reading(0, 200) = None
    wind_gust: reading(0, 200) = None
    precip: reading(0, 20) = None
    pressure: reading(850, 1100) = None
    visib: reading(0, 100) = None


class Flights(BaseModel):
    model_config = ConfigDict(extra="forbid")

    instances: Annotated[list[Flight], Field(min_length=1, max_length=10_000)]


booster = xgboost.Booster(model_file=MODEL)
booster.set_param("nthread", 1)
app = FastAPI()


def row(flight: Flight) -> tuple[float | None, ...]:
    return (
        CARRIERS[flight.carrier],
        ORIGINS[flight.origin],
        DESTINATIONS.get(flight.dest, UNSEEN),
        flight.month,
        flight.day_of_week,
        flight.hour,
        flight.minute,
        flight.distance,
        flight.temp,
        flight.dewp,
        flight.humid,
        flight.wind_dir,
        flight.wind_speed,
        flight.wind_gust,
        flight.precip,
        flight.pressure,
        flight.visib,
    )


# `async`: FastAPI would hand a plain function to a pool of threads, which costs more than the prediction. The body is
# read by pydantic's own JSON parser: FastAPI's way by Python objects takes longer.
@app.post("/predict")
async def predict(request: Request) -> Response:
    try:
        flights = Flights.model_validate_json(await request.body()).instances
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    matrix = np.array([row(flight) for flight in flights], np.float32)  # None becomes NaN.
    probabilities = booster.inplace_predict(matrix).tolist()
    outputs = [{"probability": p, "label": "late" if p >= THRESHOLD else "on_time"} for p in probabilities]
    return Response(to_json({"outputs": outputs}), media_type="application/json")
