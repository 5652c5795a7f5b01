"""Makes the MLflow model folders that the tests read, with the real mlflow, in an environment of its own:

    python -m venv env
    env/bin/pip install mlflow==3.17.2 scikit-learn==1.9.1 skops==0.16.0 xgboost-cpu==3.2.0 lightgbm==4.7.0 \
        onnx==1.23.2 onnxruntime==1.32.0 skl2onnx==1.20.0
    env/bin/python make_folders.py folders

`answers.json` in each folder holds what MLflow itself answers to the input example.
"""

import json
import shutil
import sys
from pathlib import Path

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CHANCE = np.random.default_rng(5)
ROWS = 60
FLIGHTS = pd.DataFrame(
    {
        "carrier": CHANCE.choice(["AA", "UA"], ROWS),
        "hour": CHANCE.integers(0, 24, ROWS),
        "distance": CHANCE.normal(1000, 300, ROWS).round(1),
    }
)
LATE = np.where(FLIGHTS["hour"] > 12, "late", "on time")
MINUTES = FLIGHTS["distance"] * 0.1 + FLIGHTS["hour"]
NUMBERS = FLIGHTS[["hour", "distance"]].astype({"hour": "float64"})
KEPT = 5


def pipeline():
    columns = ColumnTransformer([("c", OneHotEncoder(), ["carrier"])], remainder=StandardScaler())
    return make_pipeline(columns, LogisticRegression()).fit(FLIGHTS, LATE)


def onnx_model():
    from skl2onnx import to_onnx

    ridge = Ridge().fit(NUMBERS.to_numpy(np.float32), MINUTES)
    return to_onnx(ridge, NUMBERS.to_numpy(np.float32)[:1])


class Doubled(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["hour"] * 2


def save(folder, flavour, model, rows, answered, **how):
    shutil.rmtree(folder, ignore_errors=True)
    signature = infer_signature(rows, answered)
    getattr(mlflow, flavour).save_model(model, folder, signature=signature, input_example=rows[:KEPT], **how)
    answers = mlflow.pyfunc.load_model(str(folder)).predict(rows[:KEPT])
    answers = answers if not isinstance(answers, dict) else next(iter(answers.values()))
    (folder / "answers.json").write_text(json.dumps(np.asarray(answers).tolist()) + "\n")
    for name in ("python_env.yaml", "conda.yaml", "requirements.txt"):
        (folder / name).unlink(missing_ok=True)


def main(folders):
    flights, numbers = pipeline(), Ridge().fit(NUMBERS, MINUTES)
    array = Ridge().fit(NUMBERS.to_numpy(), MINUTES)
    save(
        folders / "sklearn-pickle",
        "sklearn",
        flights,
        FLIGHTS,
        flights.predict(FLIGHTS),
        serialization_format="cloudpickle",
    )
    save(folders / "sklearn-skops", "sklearn", numbers, NUMBERS, numbers.predict(NUMBERS), serialization_format="skops")
    save(
        folders / "sklearn-array",
        "sklearn",
        array,
        NUMBERS.to_numpy(),
        array.predict(NUMBERS.to_numpy()),
        serialization_format="cloudpickle",
    )
    save(
        folders / "sklearn-probability",
        "sklearn",
        flights,
        FLIGHTS,
        flights.predict_proba(FLIGHTS),
        serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba",
    )
    booster = xgboost.XGBRegressor(n_estimators=3, max_depth=2).fit(NUMBERS, MINUTES)
    save(folders / "xgboost", "xgboost", booster.get_booster(), NUMBERS, booster.predict(NUMBERS))
    gbm = lightgbm.LGBMRegressor(n_estimators=3, num_leaves=4, verbose=-1).fit(NUMBERS, MINUTES)
    save(folders / "lightgbm", "lightgbm", gbm.booster_, NUMBERS, gbm.predict(NUMBERS))
    save(folders / "lightgbm-sklearn", "lightgbm", gbm, NUMBERS, gbm.predict(NUMBERS))
    onnx_rows = NUMBERS.to_numpy(np.float32)
    save(folders / "onnx", "onnx", onnx_model(), onnx_rows, np.zeros((ROWS, 1), np.float32))
    mlflow.pyfunc.save_model(folders / "pyfunc", python_model=Doubled(), input_example=FLIGHTS[:KEPT])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
