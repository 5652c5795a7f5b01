"""How OpenAPI tells tables: JSON Schema has no words for what stands in them."""

from collections.abc import Mapping
from typing import Final

from mlserve.predictions.forms import ARROW, CSV
from mlserve.signature.json_schema import JsonObject

_BESIDE = "`?reference=` and `?explain=true` of the address say what JSON has beside the instances."

TAKEN: Final[Mapping[str, JsonObject]] = {
    ARROW: {
        "type": "string",
        "contentMediaType": ARROW,
        "description": f"An IPC stream with a column for each field, by its name, in any order. {_BESIDE}",
    },
    CSV: {
        "type": "string",
        "contentMediaType": CSV,
        "description": f"A row an instance, below a row of the fields' names; an empty cell is missing. {_BESIDE}",
    },
}
ANSWERED: Final[Mapping[str, JsonObject]] = {
    ARROW: {
        "type": "string",
        "contentMediaType": ARROW,
        "description": "An IPC stream with a column for each output, and the prediction's id in the schema's metadata.",
    },
    CSV: {"type": "string", "contentMediaType": CSV, "description": "The outputs: a row an instance, below a header."},
}
ID_HEADER: Final[JsonObject] = {"type": "string", "description": "The prediction's id, where the answer is a table."}
