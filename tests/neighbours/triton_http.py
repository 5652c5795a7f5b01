"""Calls a server by Triton's own HTTP clients, the blocking one and the asyncio one; prints what came back as JSON.

Run by the client's environment: `python triton_http.py ADDRESS`. The models are those of `test_oip.py`.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from tritonclient import http
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException

X, Y = np.array([1.0, 2.0, 0.1]), np.array([3.0, 4.0, 0.2])


async def calls(client: Any) -> dict[str, Any]:
    """Every call of a client; a blocking one answers at once, the other one when it is awaited."""

    async def ask(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        found = call(*arguments, **named)
        return await found if inspect.isawaitable(found) else found

    async def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> list[str]:
        try:
            await ask(call, *arguments, **named)
        except InferenceServerException as error:
            return [error.status(), error.message()]
        return ["200", ""]

    found: dict[str, Any] = {
        "live": await ask(client.is_server_live),
        "ready": await ask(client.is_server_ready),
        "model_ready": await ask(client.is_model_ready, "line"),
        "version_ready": await ask(client.is_model_ready, "line", "1"),
        "none_ready": await ask(client.is_model_ready, "none"),
        "server": await ask(client.get_server_metadata),
        "metadata": await ask(client.get_model_metadata, "line"),
        "version_metadata": await ask(client.get_model_metadata, "line", "1"),
        "config": await ask(client.get_model_config, "line"),
        "version_config": await ask(client.get_model_config, "line", "1"),
        "index": await ask(client.get_model_repository_index),
        "unknown": await refused(client.get_model_metadata, "none"),
    }
    for encoding in (None, "gzip", "deflate"):
        for binary_in in (True, False):
            for binary_out in (True, False):
                result = await ask(
                    client.infer,
                    "line",
                    _line(binary_in),
                    request_id="mine",
                    outputs=[http.InferRequestedOutput("value", binary_data=binary_out)],
                    request_compression_algorithm=encoding,
                    response_compression_algorithm=encoding,
                )
                assert result.as_numpy("value").tolist() == (1 + 2 * X - Y).tolist(), (encoding, binary_in, binary_out)
                assert result.get_response()["id"] == "mine"
                assert ("data" in result.get_output("value")) is not binary_out
    result = await ask(client.infer, "line", _line(True), model_version="1", parameters={"reference": "triton"})
    found["response"] = result.get_response()
    assert result.as_numpy("value").dtype == np.float64

    for binary in (True, False):
        words = http.InferInput("text", [2], "BYTES")
        words.set_data_from_numpy(np.array(["ä b", ""], np.object_), binary_data=binary)
        kinds = http.InferInput("kind", [2, 1], "BYTES")
        kinds.set_data_from_numpy(np.array([[b"a"], [b"b"]], np.object_), binary_data=binary)
        outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("kind", "text")]
        result = await ask(client.infer, "texts", [words, kinds], outputs=outputs)
        texts = result.as_numpy("text").tolist()
        assert [text.decode() if binary else text for text in texts] == ["ä b", ""]
        assert list(map(_text, result.as_numpy("kind").tolist())) == ["a", "b"]

    every = await ask(client.get_model_metadata, "every")
    for binary in (True, False):
        inputs, sent = [], {}
        for told in every["inputs"]:
            name, datatype = told["name"], told["datatype"]
            shape = [3, *(2 if size == -1 else size for size in told["shape"][1:])]
            sent[name] = _values(datatype, shape)
            tensor = http.InferInput(name, shape, datatype)
            # The client has no JSON of halves, as no server takes them.
            tensor.set_data_from_numpy(sent[name], binary_data=binary or datatype == "FP16")
            inputs.append(tensor)
        outputs = None if binary else [http.InferRequestedOutput(name, binary_data=False) for name in sent]
        result = await ask(client.infer, "every", inputs, outputs=outputs)
        for name, values in sent.items():
            assert result.as_numpy(name).dtype == values.dtype, name
            assert result.as_numpy(name).tobytes() == values.tobytes(), name

    labels = [http.InferRequestedOutput("value", class_count=2)]
    found["classified"] = await refused(client.infer, "line", _line(True), outputs=labels)
    found["bad_datatype"] = await refused(client.infer, "line", _line(True, "FP32"))
    found["bad_output"] = await refused(client.infer, "line", _line(True), outputs=[http.InferRequestedOutput("z")])
    found["bad_model"] = await refused(client.infer, "none", _line(True))
    found["bad_version"] = await refused(client.infer, "line", _line(True), model_version="9")
    found["bad_load"] = await refused(client.load_model, "line", config="{}")
    found["bad_unload"] = await refused(client.unload_model, "none")

    await ask(client.unload_model, "spare")
    found["unloaded"] = [await ask(client.is_model_ready, "spare"), await refused(client.infer, "spare", _line(True))]
    found["index_without"] = await ask(client.get_model_repository_index)
    await ask(client.load_model, "spare")
    found["loaded"] = await ask(client.is_model_ready, "spare")
    found["statistics"] = await ask(client.get_inference_statistics, "line")
    found["version_statistics"] = await ask(client.get_inference_statistics, "line", "1")
    found["all_statistics"] = await ask(client.get_inference_statistics)
    for name, arguments in _OTHERS.items():
        found[name] = await refused(getattr(client, name), *arguments)
    return found


# What there is nothing of here: Triton's ways to look at it, which answer so, and those to change it, which refuse.
_OTHERS: dict[str, tuple[Any, ...]] = {
    "get_trace_settings": (),
    "get_log_settings": (),
    "get_system_shared_memory_status": (),
    "get_cuda_shared_memory_status": (),
    "unregister_system_shared_memory": (),
    "unregister_cuda_shared_memory": (),
    "register_system_shared_memory": ("region", "/region", 8),
    "update_trace_settings": (None, {"trace_level": ["TIMESTAMPS"]}),
    "update_log_settings": ({"log_verbose_level": 1},),
}


def _line(binary: bool, datatype: str = "FP64") -> list[Any]:
    inputs = []
    for name, values in (("x", X), ("y", Y)):
        tensor = http.InferInput(name, [3], datatype)
        tensor.set_data_from_numpy(values.astype(np.float32 if datatype == "FP32" else np.float64), binary_data=binary)
        inputs.append(tensor)
    return inputs


def _values(datatype: str, shape: list[int]) -> Any:
    from tritonclient.utils import triton_to_np_dtype

    dtype = np.dtype(triton_to_np_dtype(datatype))
    count = int(np.prod(shape))
    if dtype.kind == "b":
        return (np.arange(count) % 3 == 0).reshape(shape)
    if dtype.kind == "f":
        return (np.arange(count) / 7 - 1).astype(dtype).reshape(shape)
    limits = np.iinfo(dtype)
    return np.array([(limits.min, limits.max, 5)[at % 3] for at in range(count)], dtype).reshape(shape)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value


async def of_aio(address: str) -> dict[str, Any]:
    async with aio.InferenceServerClient(address) as client:
        return await calls(client)


def of_threads(address: str) -> dict[str, Any]:
    """The blocking client's other way to ask: many at once."""
    with http.InferenceServerClient(address, concurrency=4) as client:
        waiting = [client.async_infer("line", _line(True)) for _ in range(20)]
        answers = [waited.get_result().as_numpy("value").tolist() for waited in waiting]
        body, json_size = client.generate_request_body(_line(True))
        found = asyncio.run(calls(client))
    assert answers == [(1 + 2 * X - Y).tolist()] * 20
    assert json_size is not None
    assert len(body) > json_size
    return found


place = sys.argv[1].removeprefix("http://")
print(json.dumps({"blocking": of_threads(place), "asyncio": asyncio.run(of_aio(place))}))
