"""The reference of the Python client says all there is, and nothing that is not."""

import inspect
import re

import pytest

import mlserve_client as client
from mlserve_client import Client, ProblemError
from mlserve_client.errors import error_of
from tests.docs.pages import prose

PAGE = prose("docs/reference/client.md")
VERBS = {name: it for name, it in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}


def told(call: str) -> list[tuple[str, str | None]]:
    """The arguments of a call of the page, each with its default."""
    inside = call.partition("(")[2].rstrip(")")
    parts = [part.strip() for part in inside.split(",") if part.strip() not in ("", "*")]
    return [(part.partition("=")[0], part.partition("=")[2] or None) for part in parts]


def test_every_verb_is_documented_with_its_arguments_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)(\([^`]*\))` \|", PAGE, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(VERBS)
    for name, call in rows:
        parameters = list(inspect.signature(VERBS[name]).parameters.values())[1:]
        ours = [(it.name, None if it.default is it.empty else repr(it.default).replace("'", '"')) for it in parameters]
        assert told(call) == ours, name


def test_every_argument_of_the_client_is_documented_and_no_other() -> None:
    section = PAGE.partition("## `Client(")[2].partition("## Verbs")[0]
    said = re.findall(r"^\| `(\w+)` \| ?(?:`(.+?)`|none|) \|", section, re.MULTILINE)
    parameters = list(inspect.signature(Client.__init__).parameters.values())[1:]
    plain = {it.name: "" if it.default in (it.empty, None) else repr(it.default) for it in parameters}
    assert dict(said) == plain


def test_every_error_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+Error)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} | {"Client", "ClientError", "ProblemError"} == {*client.__all__}


@pytest.mark.parametrize(("name", "words"), re.findall(r"^\| `(\w+Error)` \| (\d{3} .*) \|$", PAGE, re.MULTILINE))
def test_each_error_is_that_of_its_codes(name: str, words: str) -> None:
    codes = re.findall(r"`(\w+)`", words.partition(";")[0])
    assert codes
    for code in codes:
        found = error_of({"code": code, "status": int(words[:3])})
        assert isinstance(found, ProblemError)
        assert type(found).__name__ == name
