"""Whatever stands in a body or an address, a shell and Python read it as it is."""

import ast
import json
import shlex

from hypothesis import given
from hypothesis import strategies as st

from mlserve.dashboard import forms, snippets

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["'; touch /tmp/x; '", "$(id)", "`id`", '"', "\\", "'''", "true", "null", "\\n", "!!", "a'b\"c"]
)
values = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | texts
)


@given(st.dictionaries(texts, values))
def test_the_shell_gives_the_body_to_curl_unchanged(instance: dict[str, object]) -> None:
    body = forms.body_of(instance, explain=True).decode()
    command = snippets.curl_post("http://h/a b'c", body)
    words = shlex.split(command.replace(" \\\n", "", 2))  # The two lines that go on; shlex does not know them.
    assert words == ["curl", "-s", "http://h/a b'c", "-H", "Content-Type: application/json", "--data-raw", body]


@given(st.dictionaries(texts, values))
def test_the_python_literal_is_the_same_value(instance: dict[str, object]) -> None:
    body = forms.body_of(instance, explain=True).decode()
    assert ast.literal_eval(snippets.python_literal(body)) == json.loads(body)


def test_the_program_compiles_whatever_the_address_is() -> None:
    compile(snippets.python_post("http://h/'\"\\\n", '{"a": true}'), "snippet", "exec")


def test_a_report_is_put() -> None:
    words = shlex.split(snippets.curl_put("http://h/a", '{"a": "it\'s"}').replace("\\\n", ""))
    assert words == [
        "curl",
        "-s",
        "-X",
        "PUT",
        "http://h/a",
        "-H",
        "Content-Type: application/json",
        "--data-raw",
        '{"a": "it\'s"}',
    ]


def test_an_address_is_one_word() -> None:
    assert shlex.split(snippets.curl_get("http://h/?a=b&c=$(id)")) == ["curl", "-s", "http://h/?a=b&c=$(id)"]
