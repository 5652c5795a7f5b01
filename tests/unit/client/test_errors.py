import inspect
import pickle

import pytest

from mlserve import client
from mlserve.api.problems import CODE_OF, STATUS_OF
from mlserve.client import errors
from mlserve.client.errors import ClientError, NoAnswerError, ProblemError, ServerError, UnavailableError, error_of

# What this client never causes, or what says no more than its status.
WITHOUT_A_CLASS = {"method_not_allowed", "not_acceptable", "unsupported_media_type", "precondition_required"}


@pytest.mark.parametrize(
    ("code", "status"), [*STATUS_OF.items(), *((code, status) for status, code in CODE_OF.items())]
)
def test_every_code_of_the_server_has_its_class(code: str, status: int) -> None:
    found = type(error_of({"code": code, "status": status}))
    if status >= 500:
        assert found is (UnavailableError if status == 503 else ServerError)
    else:
        assert (found is ProblemError) == (code in WITHOUT_A_CLASS)
    assert (found.__doc__ or "").startswith((f"{status}:", "The server"))


def test_a_code_of_a_later_server_is_told_by_its_status() -> None:
    assert type(error_of({"code": "new", "status": 418})) is ProblemError
    assert type(error_of({"code": "new", "status": 503})) is UnavailableError
    assert type(error_of({"code": "new", "status": 500})) is ServerError


def test_an_error_survives_another_process() -> None:
    problem = {"code": "stale", "status": 412, "detail": "Too late.", "current": {"version": 2, "revision": 3}}
    error = pickle.loads(pickle.dumps(error_of(problem, 2.0)))
    assert isinstance(error, client.StaleError)
    assert (error.current, error.retry_after, str(error)) == (problem["current"], 2.0, "Too late. (412 stale)")
    lost = pickle.loads(pickle.dumps(NoAnswerError("gone", sent=True)))
    assert (str(lost), lost.sent) == ("gone", True)


def test_every_error_is_public() -> None:
    found = {name for name, it in inspect.getmembers(errors, inspect.isclass) if issubclass(it, ClientError)}
    assert found | {"Client"} == {*client.__all__}
