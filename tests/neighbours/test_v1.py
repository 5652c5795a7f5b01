"""KServe's own client, protocol V1, against a real server."""

import json

import pytest

from tests.functional.servers import Server
from tests.neighbours.conftest import FLIGHTS, Drive


@pytest.mark.parametrize("model", ["flight-delay", "line"])
def test_kserve_s_client_of_v1_does_all_that_it_can(server: Server, drive: Drive, model: str) -> None:
    instances = FLIGHTS if model == "flight-delay" else [{"x": 1.0, "y": 2.0}]
    told = drive("kserve", "kserve_v1.py", model, json.dumps(instances))
    ours = server.call("POST", f"/api/v1/models/{model}/predictions", {"instances": instances}).json
    assert told["alive"] is True
    assert told["ready"] is True
    identities = {told[name].pop("prediction_id") for name in ("predicted", "explained")}
    rows = ours["outputs"] if len(ours["outputs"][0]) > 1 else [row["value"] for row in ours["outputs"]]
    assert told["predicted"] == {"predictions": rows}
    assert told["explained"]["predictions"] == rows
    assert len(told["explained"]["explanations"]) == len(instances)
    assert "422 Unprocessable" in told["refused"]
    assert "404 Not Found" in told["unknown"]
    assert "404 Not Found" in told["unknown_ready"]
    for identity in identities:
        kept = server.call("GET", f"/api/v1/models/{model}/predictions/{identity}").json
        assert kept["outputs"] == ours["outputs"]
