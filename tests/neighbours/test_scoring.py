"""MLflow's own client of scoring servers, against a real server."""

import json

from tests.functional.servers import Server
from tests.neighbours.conftest import FLIGHTS, Drive


def test_mlflow_s_client_is_answered_whatever_form_it_sends(server: Server, drive: Drive) -> None:
    told = drive("mlflow", "mlflow_scoring.py", json.dumps(FLIGHTS))
    ours = server.call("POST", "/api/v1/models/flight-delay/predictions", {"instances": FLIGHTS}).json["outputs"]
    for form in ("frame", "records", "instances", "columns", "params"):
        assert told[form] == ours, form
    assert "error code 422" in told["refused"]
    assert "INVALID_PARAMETER_VALUE" in told["refused"]
    assert told["version"].count(".") == 2
    kept = server.call("GET", f"/api/v1/models/flight-delay/predictions/{told['prediction_id']}").json
    assert kept["outputs"] == ours
