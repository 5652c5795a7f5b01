"""The same request as a program: a curl command for a shell, and Python that needs nothing installed.

`key`: the server asks for one, which both take from the variable MLSERVE_KEY, as `mlserve` does.
"""

import re
import shlex
from collections.abc import Iterable

# JSON's three words outside of texts, which Python spells differently.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|\b(?:true|false|null)\b')
_WORDS = {"true": "True", "false": "False", "null": "None"}
_KEY = ' \\\n  -H "Authorization: Bearer $MLSERVE_KEY"'


def curl_get(url: str, *, key: bool) -> str:
    """A command that reads an address."""
    return f"curl -s {shlex.quote(url)}{_KEY if key else ''}"


def curl_post(url: str, body: str, *, key: bool) -> str:
    """A command that sends a JSON body exactly as it is; nothing in it is left to the shell."""
    return "\n".join(
        [
            f"{curl_get(url, key=key)} \\",
            "  -H 'Content-Type: application/json' \\",
            f"  --data-raw {shlex.quote(body)}",
        ]
    )


def curl_form(url: str, parts: Iterable[tuple[str, str]], files: Iterable[tuple[str, str]], *, key: bool) -> str:
    """A command that sends a form: texts by name exactly as they are, and files by name, each from a file.

    curl reads a part's name up to its first `=`.
    """
    return " \\\n".join(
        [
            curl_get(url, key=key),
            *(f"  -F {shlex.quote(f'{name}=@{path}')}" for name, path in files),
            *(f"  --form-string {shlex.quote(f'{name}={text}')}" for name, text in parts),
        ]
    )


def curl_put(url: str, body: str, *, key: bool) -> str:
    """A command that puts a short JSON body."""
    command = f"curl -s -X PUT {shlex.quote(url)}{_KEY if key else ''}"
    return f"{command} \\\n  -H 'Content-Type: application/json' --data-raw {shlex.quote(body)}"


def python_post(url: str, body: str, *, key: bool) -> str:
    """A program that sends the same JSON values, by Python's standard library alone."""
    modules = ["json", "os", "urllib.request"] if key else ["json", "urllib.request"]
    headers = ['"Content-Type": "application/json"']
    if key:
        headers.append('"Authorization": "Bearer " + os.environ["MLSERVE_KEY"]')
    imports = "\n".join(f"import {name}" for name in modules)
    return f"""{imports}

body = {python_literal(body)}
request = urllib.request.Request(
    {url!r},
    data=json.dumps(body).encode(),
    headers={{{", ".join(headers)}}},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer))"""


def python_literal(json_text: str) -> str:
    """A JSON text as the Python literal of the same value; texts and numbers are written alike in both."""
    return _TOKENS.sub(lambda found: _WORDS.get(found[0], found[0]), json_text)
