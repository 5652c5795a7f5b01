"""A model's typed inputs and outputs, and all that follows from them: decoding, checking, storing, documenting."""

from mlserve.signature.batch import Batch
from mlserve.signature.complete import complete
from mlserve.signature.decoder import Decoder
from mlserve.signature.fields import Field, OutputField, Signature
from mlserve.signature.json_schema import body_json_schema, output_json_schema
from mlserve.signature.outputs import OutputEncoder
from mlserve.signature.schema import row_schema
from mlserve.signature.stored import StoredInputs

__all__ = [
    "Batch",
    "Decoder",
    "Field",
    "OutputEncoder",
    "OutputField",
    "Signature",
    "StoredInputs",
    "body_json_schema",
    "complete",
    "output_json_schema",
    "row_schema",
]
