"""A model of 30 named floats served by hand, as a careful engineer would for speed: Flask, orjson, XGBoost's own API.

It checks what mlserve checks by the model's signature: every field is there, is a number, and there are no others. Runs
in an environment of its own, and imports nothing of mlserve.
"""

import os
from operator import itemgetter

import numpy as np
import orjson
import xgboost
from flask import Flask, Response, request

booster = xgboost.Booster(model_file=os.environ["MODEL"])
booster.set_param("nthread", 1)
FIELDS = booster.feature_names
KNOWN = set(FIELDS)
NUMBERS = {int, float}  # The types themselves: a bool is an int to `isinstance`.
values_of = itemgetter(*FIELDS)
app = Flask(__name__)


class Refused(Exception):
    pass


@app.errorhandler(Refused)
def refused(error: Refused) -> Response:
    return Response(orjson.dumps({"error": str(error)}), 422, mimetype="application/json")


def member(name: str, kind: type) -> object:
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise Refused(str(error)) from error
    if not isinstance(body, dict) or body.keys() != {name} or type(body[name]) is not kind or not body[name]:
        raise Refused(f"The body needs {name}, and nothing else.")
    return body[name]


def answer(matrix: np.ndarray) -> Response:
    outputs = [{"probability": value} for value in booster.inplace_predict(matrix).tolist()]
    return Response(orjson.dumps({"outputs": outputs}), mimetype="application/json")


@app.post("/predict")
def predict() -> Response:
    rows = []
    for instance in member("instances", list):
        if type(instance) is not dict or instance.keys() != KNOWN:
            raise Refused("An instance has other fields.")
        row = values_of(instance)
        if not NUMBERS.issuperset(map(type, row)):
            raise Refused("A field is not a number.")
        rows.append(row)
    return answer(np.array(rows, np.float32))


@app.post("/columns")
def predict_columns() -> Response:
    columns = member("columns", dict)
    if columns.keys() != KNOWN:
        raise Refused("There are other columns.")
    found = values_of(columns)
    if len({len(column) for column in found}) != 1:
        raise Refused("The columns differ in length.")
    if not all(type(column) is list and NUMBERS.issuperset(map(type, column)) for column in found):
        raise Refused("A field is not a number.")
    return answer(np.ascontiguousarray(np.array(found, np.float32).T))
