"""The depth of JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve.api.bodies import read_any, read_members, refuse_depth
from mlserve.errors import Invalid, Unreadable

DEPTH = 8


@pytest.mark.parametrize(
    ("body", "deep"),
    [
        (b"[" * DEPTH, False),
        (b"[" * (DEPTH + 1), True),
        (b'{"a":' * (DEPTH + 1), True),
        (b"[{" * DEPTH, True),
        (b"[]" * 100, False),
        (b'"' + b"[" * 100 + b'"', False),
        (b'"\\"' + b"[" * 100, False),
        (b'"\\\\"' + b"[" * 100, True),
        (b'"\n"' + b"[" * 100, True),
        (b'"' + b"[" * 100, False),  # a text without an end: no JSON, for another to say
        (b"]" * 100 + b"[" * 8, False),
    ],
)
def test_depth_counts_brackets_outside_of_texts(body: bytes, deep: bool) -> None:
    if deep:
        with pytest.raises(Unreadable, match=r"limits\.depth"):
            refuse_depth(body, DEPTH)
    else:
        refuse_depth(body, DEPTH)


def depth_of(value: Any) -> int:
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth_of, items), default=0)
    return 0


texts = st.text(st.sampled_from('[]{}"\\,:a\n'), max_size=6)
documents = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=20
)


@settings(max_examples=80, deadline=None)
@given(value=documents)
def test_the_depth_of_any_document_is_that_of_its_values(value: Any) -> None:
    body, depth = json.dumps(value).encode(), depth_of(value)
    refuse_depth(body, max(depth, 1))
    assert read_any(body, max(depth, 1)) == value
    if depth > 1:
        with pytest.raises(Unreadable):
            refuse_depth(body, depth - 1)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "body", [b'"' + b'\\"' * 2_000_000, b"[]" * 2_000_000, b'""' * 2_000_000, b'"' + b"a" * 4_000_000]
)
def test_the_depth_of_a_large_body_is_found_in_one_walk(body: bytes) -> None:
    refuse_depth(body, DEPTH)


def test_members_are_read_as_they_are_written() -> None:
    members = read_members(b'{"a": 1.50, "b": [ 1 ], "a": null}', DEPTH)
    assert {name: bytes(text) for name, text in members.items()} == {"a": b"null", "b": b"[ 1 ]"}


@pytest.mark.parametrize("body", [b"", b" ", b"{", b'{"a"}', b'{"\xff": 1}', b'{"a":' * 9 + b"1" + b"}" * 9])
def test_what_is_no_json_has_no_members(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_members(body, DEPTH)


def test_what_is_no_object_has_no_members() -> None:
    with pytest.raises(Invalid, match="not an object"):
        read_members(b"[1]", DEPTH)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_python_writes_for_no_number_is_told(word: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_members(b'{"instances": [[1.0, %s]]}' % word.encode(), 8)
    assert caught.value.detail.endswith(f"). JSON has no {word.lstrip('-')}: write null for a missing number.")


@pytest.mark.parametrize("body", [b"{nan}", b'{"a": "NaN', b"[1", b'{"NaN": x}'])
def test_other_mistakes_have_no_such_hint(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        read_members(body, 8)
    assert "null" not in caught.value.detail
