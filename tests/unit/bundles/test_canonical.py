import hashlib
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.bundles import canonical_json, file_sha256
from mlserve.bundles.canonical import from_canonical
from mlserve.errors import BundleError

NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def test_the_example_of_rfc_8785() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }

    assert canonical_json(value) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@given(VALUES)
def test_what_is_read_back_is_equal_and_has_the_same_text(value: Any) -> None:
    text = canonical_json(value)

    assert from_canonical(text) == value
    assert canonical_json(from_canonical(text)) == text


@given(VALUES)
def test_every_other_text_of_a_value_is_refused(value: Any) -> None:
    text = json.dumps(value, indent=1).encode()
    if text != canonical_json(value):
        with pytest.raises(BundleError):
            from_canonical(text)


@pytest.mark.parametrize("value", [2**53, -(2**63), 2**63, 1e17, 1e20, 123456789012345680000.0, 3.4028234663852886e38])
def test_large_numbers_are_doubles(value: float) -> None:
    assert from_canonical(canonical_json({"maximum": value})) == {"maximum": float(value)}


@pytest.mark.parametrize(
    "value",
    [
        math.nan, math.inf, 2**53 + 1, 2**63 - 1, 10**400, pytest.param(10**5000, id="very large"), "\ud800", {1: 2},
        {"x": object()}, b"x",
    ],
)  # fmt: skip
def test_what_has_no_canonical_text_is_refused(value: Any) -> None:
    with pytest.raises(BundleError, match=r"^This cannot be written as canonical JSON \(RFC 8785\): "):
        canonical_json([value])


def test_a_nesting_without_end_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(BundleError):
        canonical_json(value)
    with pytest.raises(BundleError):
        from_canonical(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b'{"a":1,"a":1}', b'{"b":1,"a":1}', b"[1.0]", b'"\xff"', b"[1] ", b"NaN", b"1e999", b'"\\ud800"',
        b"9007199254740993", b"18446744073709551615", b'{"a":-9007199254740993}', b"9" * 400, b"9" * 5000,
    ],
)  # fmt: skip
def test_text_that_is_not_canonical_is_refused(text: bytes) -> None:
    with pytest.raises(BundleError):
        from_canonical(text)


@pytest.mark.parametrize("part", [b"[]", b"{}", b"0", b'"\\n\\n\\n\\n"'])
def test_what_would_take_long_to_read_is_refused_unread(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (b"[" + b",".join([part] * count) + b"]" for count in (1000, 1_000_001))
    assert len(from_canonical(few)) == 1000

    monkeypatch.setattr(msgspec.json, "decode", lambda text: pytest.fail("It was read."))
    with pytest.raises(BundleError, match=r"commas, brackets and backslashes, and may have 1,000,000\.$"):
        from_canonical(many)


def test_the_digest_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1_000_000)

    assert file_sha256(path) == hashlib.sha256(b"abc" * 1_000_000).hexdigest()
