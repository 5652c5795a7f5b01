"""Calls a server by MLflow's own client of scoring servers; prints what came back as JSON.

Run by the client's environment: `python mlflow_scoring.py ADDRESS ROWS-AS-JSON`.
"""

import json
import sys
from typing import Any

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient


def calls(address: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    host, _, port = address.removeprefix("http://").partition(":")
    client = ScoringServerClient(host, int(port))
    client.ping()
    client.wait_server_ready(timeout=10, scoring_server_proc=None)
    frame = pd.DataFrame(rows)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    answers = {
        "frame": client.invoke(frame),
        # Of a dict, the client would make rows of its own; a text goes out as it is.
        "records": client.invoke(json.dumps({"dataframe_records": rows})),
        "instances": client.invoke(json.dumps({"instances": rows})),
        "columns": client.invoke(json.dumps({"inputs": columns})),
        "params": client.invoke(frame, params={}),
    }
    found: dict[str, Any] = {name: it.get_predictions().to_dict(orient="records") for name, it in answers.items()}
    found["prediction_id"] = answers["frame"]["prediction_id"]
    found["version"] = client.get_version()
    try:
        client.invoke(json.dumps({"instances": [{}]}))
    except Exception as error:
        found["refused"] = f"{type(error).__name__}: {error}"
    return found


print(json.dumps(calls(sys.argv[1], json.loads(sys.argv[2]))))
