"""The body and answer forms of predictions beside JSON: tables, as an Arrow IPC stream or as CSV.

Any of them may ask, and any may answer: `Content-Type` says the one, `Accept` the other.
"""

from typing import Final

ARROW: Final = "application/vnd.apache.arrow.stream"
CSV: Final = "text/csv"
