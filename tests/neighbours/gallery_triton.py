"""Asks each model of the gallery by Triton's own HTTP client, in binary tensors; prints the answers as JSON.

Run by the client's environment: `python gallery_triton.py ADDRESS QUESTIONS.json`.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from tritonclient import http
from tritonclient.utils import triton_to_np_dtype


def ask(client: http.InferenceServerClient, model: str, question: dict[str, Any]) -> dict[str, Any]:
    rows, files = question["instances"], question["files"]
    tensors = []
    for declared in client.get_model_metadata(model)["inputs"]:
        name, datatype = declared["name"], declared["datatype"]
        values = [base64.b64decode(row[name]) if name in files else row.get(name) for row in rows]
        tensor = http.InferInput(name, [len(rows)], datatype)
        # What a row leaves out, or None, is NaN in an array of floats.
        tensor.set_data_from_numpy(np.array(values, triton_to_np_dtype(datatype)), binary_data=True)
        tensors.append(tensor)
    result = client.infer(model, tensors)
    response = result.get_response()
    outputs = {one["name"]: result.as_numpy(one["name"]) for one in response["outputs"]}
    return {
        "prediction_id": response["parameters"]["prediction_id"],
        "outputs": {
            name: _texts(array) if array.dtype == object else array.tolist() for name, array in outputs.items()
        },
    }


def _texts(array: Any) -> list[str]:
    return [value.decode() for value in array]


with http.InferenceServerClient(sys.argv[1].removeprefix("http://")) as client:
    print(
        json.dumps(
            {
                model: ask(client, model, question)
                for model, question in json.loads(Path(sys.argv[2]).read_text()).items()
            }
        )
    )
