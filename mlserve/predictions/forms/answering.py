"""The answer to a prediction as a table, where the caller takes one rather than JSON."""

from typing import Any, Final

from pyramid.response import Response

from mlserve.api.renderer import PostResponse
from mlserve.predictions.forms import ARROW
from mlserve.predictions.forms.arrow import answer_arrow
from mlserve.predictions.forms.csv_writing import CONTENT_TYPE, outputs_csv
from mlserve.predictions.service import Answered
from mlserve.registry.signatures import signature_of
from mlserve.types import application_of

PREDICTION_ID: Final = "MLServe-Prediction-Id"


def table_response(request: Any, answered: Answered, media_type: str, headers: list[tuple[str, str]]) -> Response:
    """The outputs as `media_type`, Arrow or CSV; which prediction they are says the header. Raises StoreUnavailable,
    DatabaseUnavailable and VersionUnknown of a stored answer whose version is not to be found.
    """
    record = answered.record
    signature = answered.signature
    if signature is None:
        signature = signature_of(application_of(request), record.model, record.version)
    if media_type == ARROW:
        content_type, body = ARROW, answer_arrow(answered, signature)
    else:
        content_type, body = CONTENT_TYPE, outputs_csv(record, [field.name for field in signature.outputs])
    own = [("Content-Type", content_type), ("Content-Length", str(len(body))), (PREDICTION_ID, record.id)]
    return PostResponse(headerlist=[*own, *headers], app_iter=[body])
