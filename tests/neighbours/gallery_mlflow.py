"""Asks models of the gallery by MLflow's own client of scoring servers; prints the answers as JSON.

The client knows one address of predictions, so each question names the server that has it.
Run by the client's environment: `python gallery_mlflow.py ADDRESS QUESTIONS.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


def ask(question: dict[str, Any]) -> dict[str, Any]:
    host, _, port = question["address"].removeprefix("http://").partition(":")
    client = ScoringServerClient(host, int(port))
    client.ping()
    answer = client.invoke(pd.DataFrame(question["instances"]))
    return {
        "prediction_id": answer["prediction_id"],
        "predictions": answer.get_predictions().to_dict(orient="records"),
    }


print(json.dumps({model: ask(question) for model, question in json.loads(Path(sys.argv[2]).read_text()).items()}))
