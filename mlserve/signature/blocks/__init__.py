"""Column blocks: how the log keeps the inputs of many instances, by column instead of as JSON text.

`docs/reference/database.md` gives the layout to the byte.
"""

from mlserve.signature.blocks.deflate import deflated
from mlserve.signature.blocks.layout import PLAIN, Damaged
from mlserve.signature.blocks.reader import read_block
from mlserve.signature.blocks.text import block_json
from mlserve.signature.blocks.writer import BlockWriter

__all__ = ["PLAIN", "BlockWriter", "Damaged", "block_json", "deflated", "read_block"]
