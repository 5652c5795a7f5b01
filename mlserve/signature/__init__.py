"""A model's typed inputs and outputs, and all that follows from them: decoding, checking, storing, documenting."""

from mlserve.signature.batch import Batch
from mlserve.signature.complete import NARROWER, complete
from mlserve.signature.decoder import Decoder
from mlserve.signature.examples import example_instance
from mlserve.signature.fields import (
    BINARY,
    FLOATS,
    INTEGERS,
    NUMBERS,
    TEXTS,
    TYPES,
    Field,
    FieldType,
    OutputField,
    Signature,
)
from mlserve.signature.json_schema import body_json_schema, output_json_schema
from mlserve.signature.outputs import OutputEncoder
from mlserve.signature.picture import Picture
from mlserve.signature.recast import channel_axis
from mlserve.signature.schema import row_schema
from mlserve.signature.stored import StoredInputs

__all__ = [
    "BINARY",
    "FLOATS",
    "INTEGERS",
    "NARROWER",
    "NUMBERS",
    "TEXTS",
    "TYPES",
    "Batch",
    "Decoder",
    "Field",
    "FieldType",
    "OutputEncoder",
    "OutputField",
    "Picture",
    "Signature",
    "StoredInputs",
    "body_json_schema",
    "channel_axis",
    "complete",
    "example_instance",
    "output_json_schema",
    "row_schema",
]
