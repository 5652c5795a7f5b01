"""Whatever stands in a body or an address, a shell and Python read it as it is."""

import ast
import io
import json
import shlex
import subprocess
from typing import Any

import pytest
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
    command = snippets.curl_post("http://h/a b'c", body, key=False)
    words = shlex.split(command.replace(" \\\n", "", 2))  # The two lines that go on; shlex does not know them.
    assert words == ["curl", "-s", "http://h/a b'c", "-H", "Content-Type: application/json", "--data-raw", body]


@given(st.dictionaries(texts, values))
def test_the_python_literal_is_the_same_value(instance: dict[str, object]) -> None:
    body = forms.body_of(instance, explain=True).decode()
    assert ast.literal_eval(snippets.python_literal(body)) == json.loads(body)


@pytest.mark.parametrize("key", [False, True])
def test_the_program_compiles_whatever_the_address_is(key: bool) -> None:
    compile(snippets.python_post("http://h/'\"\\\n", '{"a": true}', key=key), "snippet", "exec")


def test_a_report_is_put() -> None:
    words = shlex.split(snippets.curl_put("http://h/a", '{"a": "it\'s"}', key=False).replace("\\\n", ""))
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
    assert shlex.split(snippets.curl_get("http://h/?a=b&c=$(id)", key=False)) == ["curl", "-s", "http://h/?a=b&c=$(id)"]


@pytest.mark.parametrize(
    "command",
    [
        snippets.curl_get("http://h/a", key=True),
        snippets.curl_post("http://h/a", "{}", key=True),
        snippets.curl_put("http://h/a", "{}", key=True),
    ],
)
def test_the_shell_fills_in_the_key(command: str) -> None:
    defined = f"MLSERVE_KEY='mls_a b'; curl() {{ printf '%s\\n' \"$@\"; }}; {command}"
    words = subprocess.run(["sh", "-c", defined], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[words.index("-H") + 1] == "Authorization: Bearer mls_a b"
    assert "http://h/a" in words


def test_the_program_sends_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setenv("MLSERVE_KEY", "mls_a")
    monkeypatch.setattr("urllib.request.urlopen", lambda request: sent.append(request) or io.StringIO("{}"))
    exec(snippets.python_post("http://h/a", '{"a": 1}', key=True), {})
    assert sent[0].headers == {"Content-type": "application/json", "Authorization": "Bearer mls_a"}
    assert json.loads(sent[0].data) == {"a": 1}
