"""Calls a server by KServe's own REST client, protocol V1; prints what came back as JSON.

Run by the client's environment: `python kserve_v1.py ADDRESS MODEL INSTANCES-AS-JSON`.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable
from typing import Any

from kserve import InferenceRESTClient, RESTConfig


async def calls(address: str, model: str, instances: list[Any]) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=1, timeout=30))
    body = {"instances": instances}
    found: dict[str, Any] = {
        "alive": await client.is_server_live(address),
        "ready": await client.is_model_ready(address, model),
        "predicted": await client.infer(address, body, model_name=model),
        "explained": await client.explain(address, model_name=model, data=body),
        "refused": await failure(client.infer(address, {"instances": [{}]}, model_name=model)),
        "unknown": await failure(client.infer(address, body, model_name="none")),
        "unknown_ready": await failure(client.is_model_ready(address, "none")),
    }
    await client.close()
    return found


async def failure(call: Awaitable[Any]) -> str:
    try:
        return f"answered {await call}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


print(json.dumps(asyncio.run(calls(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
