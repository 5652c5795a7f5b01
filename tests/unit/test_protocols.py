"""The core's own predictions, as a protocol asks for them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve import protocols
from mlserve.errors import AliasUnknown, Invalid, ModelNotReady, ModelUnknown, TooLarge, Unreadable, VersionUnknown
from mlserve.inference import LoadedVersion
from mlserve.inference.users import Users
from mlserve.protocols import Target, headers_of, json_members, predict, read_body, target_of
from mlserve.signature import Batch
from mlserve.types import Request
from tests.factories import Served, linear_model, serving, settings_of


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("protocols")
    models = {"line": linear_model(folder), "other": linear_model(folder, "other", z=1.0)}
    with serving(settings_of(folder, models=models, limits__body="1KiB", limits__depth="5")) as it:
        yield it


def request_of(app: Served, body: bytes = b"", headers: dict[str, str] | None = None, **match: str) -> Any:
    request = Request.blank("/", method="POST", body=body, headers=headers or {})
    request.registry = app.app.registry
    request.matchdict = {"model": "line", **match}
    request.matched_route = None
    request.environ["mlserve.request_id"] = "one"
    return request


def batch_of(loaded: LoadedVersion) -> Batch:
    return loaded.decoder.decode(b"[[1, 2]]", None)


def test_all_public_names_are_there() -> None:
    assert all(hasattr(protocols, name) for name in protocols.__all__)
    ordered = sorted(protocols.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert protocols.__all__ == ordered


@pytest.mark.parametrize(
    ("match", "alias", "asked"),
    [
        ({}, "champion", "alias:champion"),
        ({"alias": "champion"}, "champion", "alias:champion"),
        ({"version": "1"}, None, "version:1"),
    ],
)
def test_the_path_says_what_is_asked(app: Served, match: dict[str, str], alias: str | None, asked: str) -> None:
    with target_of(request_of(app, **match)) as target:
        assert (target.alias, target.asked, target.loaded.lineage.version) == (alias, asked, 1)


def test_what_a_protocol_says_counts_instead_of_the_path(app: Served) -> None:
    request = request_of(app, version="nonsense")
    for said, alias in (({"version": "1"}, None), ({"alias": "champion"}, "champion")):
        with target_of(request, **said) as target:
            assert (target.alias, target.loaded.lineage.version) == (alias, 1)
    with pytest.raises(AliasUnknown), target_of(request, alias="challenger"):
        pass
    assert request.matchdict == {"model": "line", "version": "nonsense"}


@pytest.mark.parametrize(
    ("match", "error"),
    [
        ({"model": "none"}, ModelUnknown),
        ({"model": "none", "version": "x"}, ModelUnknown),
        ({"version": "01"}, VersionUnknown),
        ({"version": "2"}, VersionUnknown),
        ({"alias": "none"}, AliasUnknown),
    ],
)
def test_what_is_not_there_is_unknown(app: Served, match: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error), target_of(request_of(app, **match)):
        pass


def test_whatever_is_sent_the_answer_is_one(app: Served) -> None:
    sent: list[Any] = [b'{"instances": [[1, 2]]}', batch_of]
    for one in sent:
        request = request_of(app)
        with target_of(request) as target:
            answered = predict(request, target, one, reference="mine")
            again = predict(request, target, batch_of(target.loaded), explain=True)
        assert answered.arrays is not None
        assert answered.signature is target.loaded.signature
        np.testing.assert_array_equal(answered.arrays["value"], [1.0])
        assert (answered.record.reference, answered.record.request_id) == ("mine", "one")
        assert headers_of(answered) == [("MLServe-Prediction-Id", answered.record.id)]
        assert again.explanation is not None


def test_a_stored_answer_has_its_record_and_no_arrays(app: Served) -> None:
    answers = []
    for _ in range(2):
        request = request_of(app, b"body", {"Idempotency-Key": "once"})
        with target_of(request) as target:
            answers.append(predict(request, target, batch_of))
    first, second = answers
    assert second.record.id == first.record.id
    assert (second.replayed, second.arrays, second.signature) == (True, None, first.signature)
    assert headers_of(second)[1:] == [("Idempotency-Replayed", "true")]


def test_where_another_version_takes_the_place_it_is_asked_instead(app: Served) -> None:
    """What is decoded already fits a version of the same signature only."""
    request = request_of(app)
    with target_of(request) as target, target_of(request_of(app, model="other")) as other:
        gone = _closed(target.loaded)
        asked: list[LoadedVersion] = []

        def decode(loaded: LoadedVersion) -> Batch:
            asked.append(loaded)
            return batch_of(loaded)

        answered = predict(request, Target(gone, "champion", "alias:champion"), decode)
        assert asked == [gone, target.loaded]
        assert answered.signature is target.loaded.signature
        with pytest.raises(ModelNotReady, match="is closed"):
            predict(request, Target(gone, None, "version:1"), decode)
        foreign = other.loaded.decoder.decode(b"[[1]]", None)
        with pytest.raises(ModelNotReady, match="has just taken the place"):
            predict(request, Target(gone, "champion", "alias:champion"), foreign)


def _closed(loaded: LoadedVersion) -> LoadedVersion:
    """A version of the same lineage that does not answer any more."""
    users = Users()
    users.refuse_new()
    return replace(loaded, users=users)


@pytest.mark.parametrize(("reference", "code"), [("x" * 256, "length"), ("a\0b", "nul")])
def test_a_reference_is_one_that_can_be_kept(app: Served, reference: str, code: str) -> None:
    request = request_of(app)
    with target_of(request) as target, pytest.raises(Invalid) as refused:
        predict(request, target, batch_of, reference=reference)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_a_body_is_read_once_and_is_there_again(app: Served) -> None:
    request = request_of(app, b"abc")
    assert read_body(request) == read_body(request) == b"abc"
    with pytest.raises(TooLarge):
        read_body(request_of(app, b"a" * 1025))


def test_members_are_raw_texts(app: Served) -> None:
    members = json_members(request_of(app, b' {"a": [1.50], "b": {"c" : null}}'))
    assert {name: bytes(raw) for name, raw in members.items()} == {"a": b"[1.50]", "b": b'{"c" : null}'}


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"a": [[[[[[]]]]]]}', b'{"a": NaN}'])
def test_what_is_no_json_cannot_be_read(app: Served, body: bytes) -> None:
    with pytest.raises(Unreadable):
        json_members(request_of(app, body))


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null"])
def test_what_is_no_object_is_not_valid(app: Served, body: bytes) -> None:
    with pytest.raises(Invalid):
        json_members(request_of(app, body))


def test_nan_is_null_for_those_who_say_so(app: Served) -> None:
    members = json_members(request_of(app, b'{"a": [NaN]}'), nan=True)
    assert bytes(members["a"]) == b"[null]"
    for body in (b'{"a": NaN', b'{"a": [[[[[[NaN]]]]]]}', b'{"a": Infinity}'):
        with pytest.raises(Unreadable):
            json_members(request_of(app, body), nan=True)
