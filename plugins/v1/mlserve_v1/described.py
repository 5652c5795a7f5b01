"""Models as V1 describes them: how their versions are doing, and what they take and answer."""

from typing import Any, Final

from mlserve.inference import LiveModel, LoadedVersion
from mlserve.signature import Field, OutputField
from mlserve_v1.reading import SIGNATURE

# The names of TensorFlow's types; texts and files are strings there.
DTYPES: Final = {
    "bool": "DT_BOOL",
    "float16": "DT_HALF",
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    **{f"{sign}int{bits}": f"DT_{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_STATES: Final = {"loading": "LOADING", "ready": "AVAILABLE", "draining": "UNLOADING", "failed": "END"}


def model_status(model: LiveModel) -> dict[str, Any]:
    """What both families of clients look for: KServe's `ready`, and TensorFlow Serving's list of versions."""
    states = {number: (status.state, status.reason) for number, status in model.statuses.items()}
    states |= {loaded.lineage.version: ("ready", "") for loaded in model.versions}
    versions = [_version(number, *states[number]) for number in sorted(states, reverse=True)]
    return {"name": model.name, "ready": model.state == "ready", "model_version_status": versions}


def version_status(loaded: LoadedVersion) -> dict[str, Any]:
    """Of one version that can be asked."""
    lineage = loaded.lineage
    return {"name": lineage.model, "ready": True, "model_version_status": [_version(lineage.version, "ready", "")]}


def metadata(loaded: LoadedVersion) -> dict[str, Any]:
    """TensorFlow Serving's description of the one signature that a version has."""
    lineage, signature = loaded.lineage, loaded.signature
    definition = {
        "inputs": {field.name: _tensor(field) for field in signature.inputs},
        "outputs": {field.name: _tensor(field) for field in signature.outputs},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": lineage.model, "signature_name": "", "version": str(lineage.version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: definition}}},
    }


def _version(number: int, state: str, reason: str) -> dict[str, Any]:
    failed = state == "failed"
    status = {"error_code": "UNKNOWN" if failed else "OK", "error_message": reason if failed else ""}
    return {"version": str(number), "state": _STATES[state], "status": status}


def _tensor(field: Field | OutputField) -> dict[str, Any]:
    shape = field.nesting if isinstance(field, Field) else field.shape
    sizes = [{"size": str(size), "name": ""} for size in (-1, *shape)]
    return {
        "dtype": DTYPES.get(field.type, "DT_STRING"),
        "tensor_shape": {"dim": sizes, "unknown_rank": False},
        "name": field.name,
    }
