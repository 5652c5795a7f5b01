"""Contexts of the pages: what their addresses name, and the media type that the caller takes."""

from typing import Any

from mlserve.api.context import ApiContext
from mlserve.api.negotiation import JSON
from mlserve.auth.guard import sees
from mlserve.errors import PredictionUnknown
from mlserve.predictions.forms import CSV
from mlserve.predictions.record import PredictionRecord

HTML = "text/html"
# A page whose content is data answers as the API does, to whoever asks for that.
OFFERS = (HTML, JSON, CSV)


class KeptContext(ApiContext):
    """`record` is the kept prediction of that id, of whatever model. Raises PredictionUnknown, DatabaseUnavailable."""

    def __init__(self, request: Any, offers: tuple[str, ...]) -> None:
        super().__init__(request, offers)
        identity = request.matchdict["id"].lower()
        record: PredictionRecord | None = request.serving.log.find(identity)
        if record is None or not sees(request, record.model):
            raise PredictionUnknown(f"There is no kept prediction {identity!r}.")
        self.record = record
