"""Asks each model of the gallery by KServe's own REST client, protocol V1; prints the answers as JSON.

Run by the client's environment: `python gallery_kserve.py ADDRESS QUESTIONS.json`.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from kserve import InferenceRESTClient, RESTConfig


async def ask(address: str, questions: dict[str, Any]) -> dict[str, Any]:
    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=1, timeout=30))
    found = {}
    for model, question in questions.items():
        files = question["files"]
        rows = [
            {name: {"b64": value} if name in files else value for name, value in row.items()}
            for row in question["instances"]
        ]
        found[model] = await client.infer(address, {"instances": rows}, model_name=model)
    await client.close()
    return found


print(json.dumps(asyncio.run(ask(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))))
