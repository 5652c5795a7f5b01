"""What the names of models and aliases look like. Pure."""

import re
from typing import Final

MODEL_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
