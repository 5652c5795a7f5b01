"""Calls a server by KServe's own REST client, protocol V2; prints what came back as JSON.

Run by the client's environment: `python kserve_v2.py ADDRESS`. The models are those of `test_oip.py`.
"""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

X, Y = np.array([1.0, 2.0, 0.1]), np.array([3.0, 4.0, 0.2])


async def calls(address: str) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=1, timeout=30))
    found: dict[str, Any] = {
        "live": await client.is_server_live(address),
        "ready": await client.is_server_ready(address),
        "model_ready": await client.is_model_ready(address, "line"),
        "none_ready": await client.is_model_ready(address, "none"),
    }
    for binary_in in (True, False):
        for binary_out in (True, False):
            outputs = [RequestedOutput("value", parameters={"binary_data": binary_out})]
            request = InferRequest("line", _line(binary_in), request_id="mine", request_outputs=outputs)
            headers: dict[str, str] = {}
            answer = await client.infer(address, request, model_name="line", response_headers=headers)
            assert answer.id == "mine"
            assert answer.model_name == "line"
            assert answer.outputs[0].as_numpy().tolist() == (1 + 2 * X - Y).tolist(), (binary_in, binary_out)
            assert ("inference-header-content-length" in headers) is binary_out
            found["parameters"] = answer.parameters
    for binary in (True, False):
        words = InferInput("text", [2], "BYTES")
        words.set_data_from_numpy(np.array(["ä b", ""], np.object_), binary_data=binary)
        kinds = InferInput("kind", [2], "BYTES")
        kinds.set_data_from_numpy(np.array(["a", "b"], np.object_), binary_data=binary)
        request = InferRequest("texts", [words, kinds], parameters={"binary_data_output": binary})
        answer = await client.infer(address, request, model_name="texts")
        texts, labels = (output.as_numpy().tolist() for output in answer.outputs)
        assert [_text(text) for text in texts] == ["ä b", ""]
        assert [_text(text) for text in labels] == ["a", "b"]
    plain = {"inputs": [{"name": name, "shape": [1], "datatype": "FP64", "data": [1]} for name in ("x", "y")]}
    found["dict"] = (await client.infer(address, plain, model_name="line")).outputs[0].data
    for name, model, body in (
        ("refused", "line", {"inputs": plain["inputs"][:1]}),
        ("unknown", "none", plain),
    ):
        try:
            await client.infer(address, body, model_name=model)
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    await client.close()
    return found


def _line(binary: bool) -> list[InferInput]:
    inputs = []
    for name, values in (("x", X), ("y", Y)):
        tensor = InferInput(name, [3], "FP64")
        tensor.set_data_from_numpy(values, binary_data=binary)
        inputs.append(tensor)
    return inputs


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


print(json.dumps(asyncio.run(calls(sys.argv[1]))))
