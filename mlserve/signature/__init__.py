"""A model's typed inputs and outputs, and all that follows from them: decoding, checking, storing, documenting."""

from mlserve.signature.batch import Batch
from mlserve.signature.decoder import Decoder
from mlserve.signature.fields import Field, OutputField, Signature
from mlserve.signature.outputs import OutputEncoder
from mlserve.signature.schema import row_schema
from mlserve.signature.stored import StoredInputs

__all__ = ["Batch", "Decoder", "Field", "OutputEncoder", "OutputField", "Signature", "StoredInputs", "row_schema"]
