import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve.signature.base64 import PATTERN, NotBase64, read_base64, write_base64


@given(st.binary())
def test_what_is_written_is_read(value: bytes) -> None:
    text = write_base64(value).decode()
    assert text == base64.b64encode(value).decode()
    assert read_base64(text) == value
    assert re.fullmatch(PATTERN, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("AA!A", "it has '!' at character 2"),
        ("AA-_", "it has '-' at character 2"),
        ("AAAA\n", r"it has '\n' at character 4"),
        (" AAAA", "it has ' ' at character 0"),
        ("é===", "it has 'é' at character 0"),
        ("AAA", "its 3 characters are not groups of four"),
        ("A", "its 1 characters are not groups of four"),
        ("AA=", "its 3 characters are not groups of four"),
        ("AA=A", "its padding is wrong"),
        ("A===", "it has '=' at character 1"),
        ("AA==AAAA", "it has '=' at character 2"),
        ("AAAA=", "its 5 characters are not groups of four"),
        ("AAAA==", "its 6 characters are not groups of four"),
        ("AAAA====", "it has '=' at character 4"),
        ("AB==", "it has bits after its end"),
        ("AAB=", "it has bits after its end"),
    ],
)
def test_what_is_no_base64_is_told_with_its_place(text: str, says: str) -> None:
    with pytest.raises(NotBase64) as refused:
        read_base64(text)
    assert str(refused.value) == says
    assert not re.fullmatch(PATTERN, text)


@given(st.text(st.sampled_from("AQgwBE=+/!\u00e9"), max_size=9))
def test_the_pattern_says_the_same(text: str) -> None:
    try:
        read_base64(text)
    except NotBase64:
        assert not re.fullmatch(PATTERN, text)
    else:
        assert re.fullmatch(PATTERN, text)


def test_a_data_uri_is_told_what_to_leave_away() -> None:
    with pytest.raises(NotBase64, match="leave away all up to the first comma"):
        read_base64("data:image/png;base64,iVBORw0KGgo=")
