"""The one place where an onnxruntime session is made: on the CPU, on few threads, quietly, from bytes.

The library is imported when the first session is made and not before.
"""

import importlib.util
import re
from typing import Any, Final

from mlserve.errors import BundleError

INSTALL: Final = (
    "ONNX Runtime is not installed: in a clone run "
    "`.venv/bin/pip install -e 'plugins/onnx[cpu]' -c constraints.txt`, else `pip install onnxruntime`."
)
_PROVIDERS: Final = ["CPUExecutionProvider"]
_FATAL: Final = 4  # The severity from which on the library writes to standard error; what it raises says the same.
# Its codes, `[ONNXRuntimeError] : 10 : INVALID_GRAPH : `, and places, `/…/model.cc:181 onnxruntime::Model::Model(…) `.
_NOISE: Final = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |\S+\.(?:cc|h):\d+ .*?\) (?=[A-Z])")
_LONGEST: Final = 300  # characters of a reason


def is_installed() -> bool:
    """Whether ONNX Runtime is there; imports nothing."""
    return importlib.util.find_spec("onnxruntime") is not None


def version() -> str:
    """The library's version; imports it."""
    import onnxruntime

    return str(onnxruntime.__version__)


def make_session(model: bytes, name: str, threads: int = 1, *, as_it_is: bool = False) -> Any:
    """An `onnxruntime.InferenceSession` of a serialised model, whose `run` may be called from many threads at once.

    `name` is what the sentence of a failure calls the model. `threads` is how many the library uses for one run, the
    calling thread among them: with 1 it starts none, so that the process may fork. A session of the model `as_it_is`
    is made without computing what is constant in it, which may take for ever. Files that the model refers to (external
    data) are the caller's to refuse. Raises BundleError.
    """
    if not is_installed():
        raise BundleError(INSTALL)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that waits for work would burn a core between two requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # The arena never gives back what the largest Batch took, and doubles as it grows.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.use_deterministic_compute = True
    options.log_severity_level = _FATAL
    if as_it_is:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        # With its fallback the library prints what failed, and tries the same provider again.
        return onnxruntime.InferenceSession(model, options, providers=_PROVIDERS, enable_fallback=0)
    except Exception as error:  # The library's errors have no common base of their own.
        raise BundleError(f"ONNX Runtime cannot load {name}: {first_sentence(error)}") from error


def first_sentence(error: Exception) -> str:
    """The first line of what the library says, without its codes and the place in its source; ends with a full stop."""
    line = (_NOISE.sub("", str(error)).splitlines() or [""])[0].strip() or "it does not say why"
    return line[:_LONGEST].rstrip(" .:,") + "."
