"""Tells in JSON what the library makes of the file on standard input.

`probe` starts it as a program by itself: it imports nothing of mlserve, since every load of a file waits for it.
"""

import contextlib
import json
import os
import sys
from collections import Counter
from typing import Any, Final

import numpy as np

_SECONDS: Final = 60  # of processor time
_MEMORY: Final = 4 << 30  # A model that needs more would have to ask the server for it.
_LONGEST: Final = 300  # characters of a reason


def main() -> None:
    """A fault of the library ends this process with a signal; what it refuses in order is told."""
    _limit()
    raw = sys.stdin.buffer.read()
    try:
        told: dict[str, Any] = _opened(raw)
    except Exception as error:  # Whatever the library raises is why it refuses the file.
        line = (str(error).splitlines() or [""])[0].strip() or type(error).__name__
        told = {"refused": line[:_LONGEST].rstrip(" .:,") + "."}
    sys.stdout.write(json.dumps(told))
    sys.stdout.flush()
    os._exit(0)  # What is torn down in the end is no part of what was asked.


def _limit() -> None:
    if sys.platform == "win32":
        return
    import resource

    for limit, most in ((resource.RLIMIT_CPU, _SECONDS), (resource.RLIMIT_AS, _MEMORY), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]  # The server's own may be lower, and none may be raised.
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, hard))


def _opened(raw: bytes) -> dict[str, Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=raw, num_threads=1)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    names = _names(interpreter, {"inputs": inputs, "outputs": outputs})
    # Before the tensors are allocated, which puts nodes of a delegate in the place of the file's.
    operators = Counter(operator["op_name"] for operator in interpreter._get_ops_details())
    interpreter.allocate_tensors()
    if all(np.dtype(details["dtype"]).kind in "iufb" for details in inputs):
        with contextlib.suppress(RuntimeError, ValueError):  # A model need not take zeros; only a fault would count.
            for details in inputs:
                interpreter.set_tensor(details["index"], np.zeros(details["shape"], details["dtype"]))
            interpreter.invoke()
    return {
        "inputs": [_told(details, names.get(("inputs", details["index"]))) for details in inputs],
        "outputs": [_told(details, names.get(("outputs", details["index"]))) for details in outputs],
        "operators": dict(operators.most_common()),
    }


def _names(interpreter: Any, details: dict[str, Any]) -> dict[tuple[str, int], str]:
    """The names of the one signature, which people gave; those of the tensors are the converter's."""
    signatures = interpreter._get_full_signature_list()
    if len(signatures) != 1:
        return {}
    (signature,) = signatures.values()
    if any({*signature[kind].values()} != {one["index"] for one in own} for kind, own in details.items()):
        return {}  # It is one of another graph than the first.
    return {(kind, index): name for kind in details for name, index in signature[kind].items()}


def _told(details: dict[str, Any], name: str | None) -> dict[str, Any]:
    dtype = np.dtype(details["dtype"])
    quantization = details["quantization_parameters"]
    scales, zeros = quantization["scales"], quantization["zero_points"]
    single = len(scales) == 1 and dtype.kind in "iu" and float(scales[0]) > 0
    return {
        "name": name or details["name"],
        "index": int(details["index"]),
        "shape": [
            int(size) for size in (details["shape_signature"] if len(details["shape_signature"]) else details["shape"])
        ],
        "type": "string" if dtype.kind in "SUO" else dtype.name,
        "scale": float(scales[0]) if single else None,
        "zero": int(zeros[0]) if single and len(zeros) else 0,
    }


if __name__ == "__main__":
    main()
