"""What the resources of predictions, their actuals, explanations and reproductions take and answer, for OpenAPI."""

from collections.abc import Mapping
from dataclasses import replace

from mlserve.api.operations import NO_DATABASE, Operation
from mlserve.auth.roles import OBSERVE, PREDICT
from mlserve.predictions.actual_schemas import (
    BULK_ANSWER,
    HISTORY,
    REPORTED,
    bulk_example,
    bulk_schema,
    report_example,
    report_schema,
)
from mlserve.predictions.answer_schemas import (
    page_schema,
    prediction_body,
    prediction_example,
    prediction_schema,
    read_schema,
)
from mlserve.predictions.explanation_schemas import (
    explained_schema,
    explanation_body,
    explanation_example,
    past_explanation_schema,
)
from mlserve.predictions.forms import CSV
from mlserve.predictions.forms.answering import PREDICTION_ID
from mlserve.predictions.forms.schemas import ANSWERED, ID_HEADER, TAKEN
from mlserve.predictions.reproduction_schemas import REPRODUCTION as REPRODUCED
from mlserve.predictions.schemas import IDEMPOTENCY_KEY, PredictionsQuery
from mlserve.predictions.upload_schemas import prediction_form
from mlserve.signature.json_schema import JsonObject

_TABLE: JsonObject = {"type": "string", "description": "One row an instance, below a header."}
_KEY: JsonObject = {
    "type": "string",
    "pattern": f"^{IDEMPOTENCY_KEY.pattern}$",
    "description": "The same request again gets the stored answer.",
}
_NEXT: JsonObject = {"type": "string", "description": 'The next page, as `<…>; rel="next"`, where there is one.'}
_LOCATION: JsonObject = {"type": "string", "format": "uri-reference", "description": "The prediction's address."}
_REPLAYED: JsonObject = {"enum": ["true"], "description": "The answer is a stored one."}
_NO_STORE = "store_unavailable"
_BUSY = "busy"  # a large table
_OF_ID: Mapping[str, JsonObject] = {"id": {"type": "string", "description": "The prediction's id."}}
_COMPUTES = ("model_not_ready", "prediction_failed", "not_supported", "busy")

PREDICTIONS = {
    "get": Operation(
        summary="List kept predictions",
        description="Newest first, a page at a time.",
        answer=page_schema,
        query=PredictionsQuery,
        problems=("not_supported", NO_DATABASE, _BUSY),
        media={CSV: _TABLE},
        answer_headers={"Link": _NEXT},
    ),
    "post": Operation(
        summary="Make a prediction",
        description="The answer leaves only when the prediction is kept.",
        answer=prediction_schema,
        body=prediction_body,
        form=prediction_form,
        tables=TAKEN,
        media=ANSWERED,
        example=prediction_example,
        headers={"Idempotency-Key": _KEY},
        problems=(*_COMPUTES, "length_required", "idempotency_key_reused", "log_unavailable", NO_DATABASE),
        needs=PREDICT,
        answer_headers={"Content-Location": _LOCATION, "Idempotency-Replayed": _REPLAYED, PREDICTION_ID: ID_HEADER},
    ),
}
# Its own signature is not that of the champion, whose fields the document could tell.
_BODY: JsonObject = {
    "type": "object",
    "description": "As the body of a prediction, with the instances that the version's own signature takes.",
}
_OF_ANOTHER = replace(
    PREDICTIONS["post"],
    summary="Make a prediction by one version",
    answer={"type": "object", "required": ["id", "model", "version", "alias", "outputs"]},
    body=_BODY,
    form=None,
    example=None,
)
ALIAS_PREDICTIONS = {
    "post": replace(
        _OF_ANOTHER,
        summary="Make a prediction by an alias",
        problems=(*_OF_ANOTHER.problems, "alias_unknown"),
        path={"alias": {"type": "string", "description": "The alias, such as `challenger`."}},
    )
}
VERSION_PREDICTIONS = {
    "post": replace(
        _OF_ANOTHER,
        problems=(*_OF_ANOTHER.problems, "version_unknown", "version_retired", _NO_STORE),
        path={"number": {"type": "integer", "minimum": 1, "description": "The version's number."}},
    )
}
PREDICTION = {
    "get": Operation(
        summary="Read a prediction",
        answer=read_schema,
        problems=("prediction_unknown", "not_supported", NO_DATABASE, _BUSY),
        media={CSV: _TABLE},
        path=_OF_ID,
    )
}
ACTUALS = {
    "get": Operation(
        summary="Every report of what really happened",
        answer=HISTORY,
        problems=("prediction_unknown", NO_DATABASE),
        path=_OF_ID,
    ),
    "put": Operation(
        summary="Report what really happened",
        description="A new revision, which counts from now on; none is lost.",
        answer=REPORTED,
        body=report_schema,
        example=report_example,
        problems=("prediction_unknown", "version_unknown", NO_DATABASE),
        path=_OF_ID,
        needs=PREDICT,
    ),
}
BULK_ACTUALS = {
    "post": Operation(
        summary="Report what really happened, for many predictions",
        description="Each report is answered by itself; the status is 200 even where some are refused.",
        answer=BULK_ANSWER,
        body=bulk_schema,
        example=bulk_example,
        problems=(NO_DATABASE,),
        needs=PREDICT,
    )
}
EXPLANATIONS = {
    "post": Operation(
        summary="Explain without keeping anything",
        answer=explained_schema,
        body=explanation_body,
        example=explanation_example,
        problems=_COMPUTES,
        needs=PREDICT,
    )
}
EXPLANATION = {
    "get": Operation(
        summary="Explain a kept prediction",
        description="The kept explanation, else one that is computed now by the version that answered.",
        answer=past_explanation_schema,
        problems=(*_COMPUTES, "prediction_unknown", "too_large", NO_DATABASE, _NO_STORE),
        path=_OF_ID,
    )
}
REPRODUCTION = {
    "post": Operation(
        summary="Reproduce a kept prediction",
        description="The kept inputs are asked again of the version that answered; nothing is kept.",
        answer=REPRODUCED,
        problems=(*_COMPUTES, "prediction_unknown", NO_DATABASE, _NO_STORE),
        path=_OF_ID,
        needs=OBSERVE,
    )
}
