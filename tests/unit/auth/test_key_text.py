"""Keys as text: what is made can be read, and nothing else can."""

import hashlib

import pytest

from mlserve.auth.key_text import new_key, read_key


def test_a_new_key_is_read_back_as_what_is_kept_of_it() -> None:
    key = new_key()
    assert read_key(key.text) == (key.id, key.digest)
    secret = key.text.split("_", 2)[2]
    assert key.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in (key.id, key.digest)


def test_no_two_keys_are_alike() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len({key.id for key in keys}) == len({key.digest for key in keys}) == 1000


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text[:-1], lambda text: text + "A", lambda text: " " + text]
)
def test_what_has_another_form_is_no_key(change) -> None:
    assert read_key(change(new_key().text)) is None
