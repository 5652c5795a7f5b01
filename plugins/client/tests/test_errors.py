import inspect
import pickle

import pytest

import mlserve_client as client
from mlserve.api.problems import CODE_OF, STATUS_OF
from mlserve_client import errors
from mlserve_client.errors import (
    ClientError,
    NoAnswerError,
    NotFoundError,
    ProblemError,
    ServerError,
    UnavailableError,
    error_of,
)

# What this client never causes, or what says no more than its status.
WITHOUT_A_CLASS = {"method_not_allowed", "not_acceptable", "unsupported_media_type", "precondition_required"}
WITHOUT_A_CLASS |= {"auth_off", "key_unknown", "user_unknown", "user_exists", "last_admin"}  # of keys and users
# Those of administering keys and users, for which there are no verbs.
WITHOUT_A_CLASS |= {"key_unknown", "user_unknown", "auth_off", "user_exists", "last_admin"}


@pytest.mark.parametrize(
    ("code", "status"), [*STATUS_OF.items(), *((code, status) for status, code in CODE_OF.items())]
)
def test_every_code_of_the_server_has_its_class(code: str, status: int) -> None:
    found = type(error_of({"code": code, "status": status}))
    if status >= 500:
        assert found is (UnavailableError if status == 503 else ServerError)
    elif code in WITHOUT_A_CLASS:
        assert found is (NotFoundError if status == 404 else ProblemError)
    else:
        assert found is not ProblemError
    assert (found.__doc__ or "").startswith((f"{status}:", "The server"))


def test_a_code_of_a_later_server_is_told_by_its_status() -> None:
    assert type(error_of({"code": "new", "status": 418})) is ProblemError
    assert type(error_of({"code": "new", "status": 404})) is NotFoundError
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


def test_a_path_that_is_a_text_is_told_of() -> None:
    wrong = {"code": "base64", "expected": "bytes as base64", "got": '"cat.png"', "pointer": "/instances/0/photo"}
    told = str(error_of({"code": "invalid", "status": 422, "detail": "No.", "errors": [wrong]}))
    assert "Give bytes, or a pathlib.Path of a file." in told
