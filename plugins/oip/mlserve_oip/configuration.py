"""The model configuration extension: a signature as a `ModelConfig` of Triton's."""

from typing import Any

from mlserve.inference import LoadedVersion
from mlserve_oip.datatypes import BYTES
from mlserve_oip.presentation import Presentation, Tensor


def configuration(loaded: LoadedVersion, presentation: Presentation) -> dict[str, Any]:
    """The first size of every tensor is that of the batch, which `dims` leave out; a scalar has the dims [1]."""
    lineage = loaded.lineage
    return {
        "name": lineage.model,
        "platform": f"mlserve_{lineage.family}",
        "backend": lineage.family,
        "version_policy": {"specific": {"versions": [lineage.version]}},
        "max_batch_size": loaded.decoder.max_instances,
        "input": [
            {
                **_tensor(tensor),
                "format": "FORMAT_NONE",
                "is_shape_tensor": False,
                "allow_ragged_batch": False,
                "optional": tensor.name not in presentation.required,
            }
            for tensor in presentation.inputs.values()
        ],
        "output": [
            {**_tensor(tensor), "label_filename": "", "is_shape_tensor": False}
            for tensor in presentation.outputs.values()
        ],
        "instance_group": [],
        "default_model_filename": "",
        "parameters": {
            "digest": {"string_value": lineage.digest},
            "engine": {"string_value": lineage.engine},
            "library": {"string_value": lineage.library},
        },
        "model_warmup": [],
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    kind = "STRING" if tensor.datatype == BYTES else tensor.datatype
    return {"name": tensor.name, "data_type": f"TYPE_{kind}", "dims": list(tensor.shape) or [1]}
