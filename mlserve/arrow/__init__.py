"""Arrow's IPC stream format: read from bytes that come from anybody, and written. Of models it knows nothing.

Only what a table of numbers, texts and tensors needs is here, in Python over numpy: no byte of a request is read by a
native parser, and the buffers of numbers become arrays without a copy. The format: https://arrow.apache.org/docs/format/
"""

from mlserve.arrow.stream import Stream, open_stream
from mlserve.arrow.writing import BYTES, TEXT, Column, stream_of

__all__ = ["BYTES", "TEXT", "Column", "Stream", "open_stream", "stream_of"]
