"""The button of a kept prediction's page that asks it again."""

from typing import Any

from pyramid.response import Response

from mlserve.api.query import read_query
from mlserve.dashboard import csrf
from mlserve.dashboard.kept_views import InstanceQuery, show
from mlserve.dashboard.model_views import read_form
from mlserve.dashboard.reproduced import Reproduced, reproduced
from mlserve.errors import Busy, ModelNotReady, NotSupported


def reproduce(request: Any) -> Response:
    """The page of the prediction, with what came of asking it again, or the sentence that says why it cannot be.

    Raises Unreadable for a form that is not of this server.
    """
    query = read_query(request.environ, InstanceQuery)
    csrf.check(request, read_form(request, 0).get(csrf.FIELD, ""))
    record = request.context.record
    try:
        found = reproduced(record, request.mlserve.reproducing.of_kept(record))
    except (NotSupported, ModelNotReady, Busy) as error:
        found = Reproduced(error.detail)
    return show(request, query["instance"], explain=query["explain"], reproduced=found)
