"""Triton's and KServe's own clients pass every call of the Open Inference Protocol against the real server."""

from collections.abc import Iterator
from typing import Any

import pytest
from mlserve_echo import echo_model

from mlserve.signature import Field
from tests.factories import linear_model, settings_of
from tests.functional.servers import served

KINDS = ("a", "b")
NUMBERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32")
EVERY = (
    *(Field(f"one_{kind}", kind) for kind in NUMBERS),  # type: ignore[arg-type]
    *(Field(f"grid_{kind}", kind, (2, -1)) for kind in (*NUMBERS, "float64")),  # type: ignore[arg-type]
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with `line` (1 + 2 x - y), `texts`, `every` (a scalar and a tensor of each datatype) and `spare`."""
    folder = tmp_path_factory.mktemp("oip")
    models = {
        "line": linear_model(folder),
        "spare": linear_model(folder, "spare"),
        "texts": echo_model(folder, Field("text", "string"), Field("kind", "category", categories=KINDS), name="texts"),
        "every": echo_model(folder, *EVERY, name="every"),
    }
    settings = settings_of(folder, models=models) | {"mlserve.plugins": "mlserve_linear mlserve_echo oip"}
    with served(folder / "oip.ini", settings) as running:
        yield "http://{}:{}".format(*running.address)


@pytest.fixture(scope="module")
def triton(address: str, drive_to: Any) -> dict[str, Any]:
    return drive_to(address, "tritonclient", "triton_http.py")


@pytest.mark.parametrize("client", ["blocking", "asyncio"])
def test_triton(triton: dict[str, Any], client: str) -> None:
    found = triton[client]
    for name in ("live", "ready", "model_ready", "version_ready", "loaded"):
        assert found[name] is True, name
    assert found["none_ready"] is False
    assert found["server"]["name"] == "mlserve"
    assert found["metadata"]["inputs"][0] == {"name": "x", "datatype": "FP64", "shape": [-1]}
    assert found["version_metadata"]["versions"] == ["1"]
    assert found["config"]["input"][0]["data_type"] == "TYPE_FP64"
    assert found["version_config"] == found["config"]
    states = {one["name"]: one["state"] for one in found["index"]}
    assert states == dict.fromkeys(("every", "line", "spare", "texts"), "READY")
    assert {one["name"]: one["state"] for one in found["index_without"]}["spare"] == "UNAVAILABLE"
    ready, refused = found["unloaded"]
    assert ready is False
    assert refused[0] == "404"
    assert found["response"]["parameters"]["prediction_id"]
    assert found["response"]["model_version"] == "1"
    (stats,) = found["statistics"]["model_stats"]
    assert stats["inference_stats"]["success"]["count"] >= 12
    assert stats["inference_stats"]["success"]["ns"] > 0
    assert found["version_statistics"]["model_stats"] == [stats]
    assert {one["name"] for one in found["all_statistics"]["model_stats"]} >= {"line", "texts", "every"}


@pytest.mark.parametrize("client", ["blocking", "asyncio"])
@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        ("unknown", "404", "none"),
        ("classified", "400", "classification"),
        ("bad_datatype", "400", "FP64"),
        ("bad_output", "400", "value"),
        ("bad_model", "404", "none"),
        ("bad_version", "404", "9"),
        ("bad_load", "409", "bundle"),
        ("bad_unload", "404", "none"),
        ("register_system_shared_memory", "409", "shared memory"),
        ("update_trace_settings", "409", "traces"),
        ("update_log_settings", "409", "INI"),
        ("get_trace_settings", "200", ""),
        ("get_log_settings", "200", ""),
        ("get_system_shared_memory_status", "200", ""),
        ("get_cuda_shared_memory_status", "200", ""),
        ("unregister_system_shared_memory", "200", ""),
        ("unregister_cuda_shared_memory", "200", ""),
    ],
)
def test_triton_is_told_what_there_is_not(
    triton: dict[str, Any], client: str, call: str, status: str, words: str
) -> None:
    found = triton[client][call]
    assert found[0] == status, found
    assert words in found[1]


def test_kserve(address: str, drive_to: Any) -> None:
    found = drive_to(address, "kserve", "kserve_v2.py")
    assert [found[name] for name in ("live", "ready", "model_ready", "none_ready")] == [True, True, True, False]
    assert found["parameters"]["prediction_id"]
    assert found["dict"] == [2.0]
    assert found["refused"].startswith("HTTPStatusError: The inputs are not those of the model.")
    assert "400" in found["refused"]
    assert "There is no model 'none' here" in found["unknown"]
