"""Nothing is measured before every server has given the library's own answers."""

import json
from typing import Any

import numpy as np

from benchmarks.peers import Peer
from benchmarks.works import Work


def check(peer: Peer, work: Work) -> int:
    """Post every body once, and some that must be refused: how many were answered 200.

    Raises SystemExit at the first answer that is not the library's, to the bit, or that should have been refused.
    """
    connection = peer.process.connection()

    def post(body: bytes) -> tuple[int, bytes]:
        connection.request("POST", peer.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()

    for body in work.refused:
        status, text = post(body)
        if status != 422:
            raise SystemExit(f"{peer.name} answers {status} where it should refuse {body!r}: {text!r}")
    for body, expected in zip(work.bodies, work.expected, strict=True):
        status, text = post(body)
        found = _outputs(text) if status == 200 else None
        if found != expected:
            raise SystemExit(f"{peer.name} answers {status} {text!r} where the library says {expected} to {body!r}")
    connection.close()
    return len(work.bodies)


def _outputs(text: bytes) -> list[tuple[np.float32, str]]:
    outputs: list[dict[str, Any]] = json.loads(text)["outputs"]
    return [(np.float32(output["probability"]), output["label"]) for output in outputs]
