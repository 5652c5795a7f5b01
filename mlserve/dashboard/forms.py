"""A model's form, made from its signature: controls, the texts in them, and the instance that posted texts stand for.

Pure: what is checked is checked by the signature's own decoder, on the body that `body_of` makes.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mlserve.dashboard.present import real_minus, short
from mlserve.errors import Problem
from mlserve.predictions.multipart import Part, is_file
from mlserve.signature import Field, Signature
from mlserve.signature.examples import example_instance
from mlserve.signature.fields import ANY_SIZE, BINARY, FLOATS, INTEGERS, TEXTS
from mlserve.signature.text import cell_values

# A list of more choices than this is searched, not scrolled.
MOST_OPTIONS = 30
# How many fields stand together; those beyond the first such group are folded.
GROUP = 40
# So many categories are named to who has given none.
OFFERED = 5

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII).fullmatch


@dataclass(frozen=True)
class Control:
    """One field's place in the form. `name` goes by the field's position: a field may be called anything."""

    name: str
    field: Field
    kind: str  # select, search (a text with suggestions), number, text, lines (a text of several), file, json
    options: tuple[tuple[str, str], ...]  # of a select or a search: the value that is posted, and what is read
    hint: str

    @property
    def required(self) -> bool:
        return not self.field.nullable

    @property
    def step(self) -> str:
        return "1" if self.field.type in INTEGERS else "any"

    @property
    def accept(self) -> str:
        return "image/*" if self.field.type == "image" else ""


def controls(signature: Signature) -> list[Control]:
    """A control for each input, in the signature's order."""
    return [
        Control(f"f{position}", field, _kind(field), _options(field), _hint(field))
        for position, field in enumerate(signature.inputs)
    ]


def groups(made: list[Control]) -> list[list[Control]]:
    """The controls in groups of at most `GROUP`, about equally large."""
    count = -(-len(made) // GROUP)
    size = -(-len(made) // max(count, 1))
    return [made[start : start + size] for start in range(0, len(made), max(size, 1))]


def beginning(signature: Signature) -> dict[str, Any]:
    """The instance that a form begins with. A file that is only made up, as for lack of an example, is left out."""
    made_up = {field.name for field in signature.inputs if is_file(field) and field.example is None}
    return {name: value for name, value in example_instance(signature).items() if name not in made_up}


def texts_of(signature: Signature, instance: Mapping[str, Any]) -> dict[str, str]:
    """The texts that a form begins with, by control; a field that the instance does not have is left empty."""
    return {f"f{position}": text_of(field, instance.get(field.name)) for position, field in enumerate(signature.inputs)}


def text_of(field: Field, value: Any) -> str:
    """A value as it stands in its control. Empty is missing, so an empty text is written \"\", as JSON writes it.

    So is a text that begins with a quotation mark, or has line breaks that its control would drop or change.
    """
    if value is None:
        return ""
    if isinstance(value, str) and not field.nesting:
        return (
            value
            if _is_simple(value, "\r" if field.type == "text" else "\r\n")
            else msgspec.json.encode(value).decode()
        )
    return msgspec.json.encode(value).decode()


def instance_of(signature: Signature, posted: Mapping[str, str]) -> dict[str, Any]:
    """The instance that posted texts stand for, ready for JSON; empty is missing, and null only where that may be.

    A text that cannot be converted stays the text it is, and the decoder says what is wrong with it. Numbers stay as
    they were typed, digit for digit.
    """
    given = {field.name: posted.get(f"f{position}", "") for position, field in enumerate(signature.inputs)}
    cells = cell_values(signature, given)
    instance: dict[str, Any] = {}
    for field in signature.inputs:
        text = given[field.name]
        if text.strip() == "" and (text == "" or field.type in INTEGERS | FLOATS):
            if field.nullable:
                instance[field.name] = None
            # Where a value must be, the absent key is told as what it is: required.
        elif field.nesting or field.type == "bool":
            instance[field.name] = cells[field.name]
        elif field.type in INTEGERS | FLOATS:
            instance[field.name] = _number(text.strip(), cells[field.name])
        elif field.type in BINARY:
            instance[field.name] = _text("".join(text.split()))
        elif field.type == "text":
            instance[field.name] = _text(text.replace("\r\n", "\n"))  # As browsers send the lines of a text area.
        else:
            instance[field.name] = _text(text)
    return instance


def texts_of_parts(parts: Iterable[Part]) -> dict[str, str]:
    """The posted texts of a form that has files, which stand in `f0.file` for the control `f0` and become base64.

    Where none was chosen, the control's own text counts, which is what the page has held; unless `f0.none` says no.
    Raises UnicodeDecodeError.
    """
    texts: dict[str, str] = {}
    files: dict[str, str] = {}
    for name, value, _ in parts:
        control, _, kind = name.partition(".")
        if kind == "none":
            files.setdefault(control, "")
        elif kind == "file":
            if value is not None:  # Empty means missing, so that a file of no bytes is written as an empty text is.
                files[control] = base64.b64encode(value).decode() or '""'
        else:
            texts[name] = (value or b"").decode()
    return texts | files


def body_of(instance: Mapping[str, Any], *, explain: bool) -> bytes:
    """The JSON body of the prediction, laid out to be read: it is shown as it is sent.

    Characters that show nothing, or turn the order of what is shown, are written as escapes.
    """
    body = msgspec.json.encode({"instances": [instance], **({"explain": True} if explain else {})})
    text = msgspec.json.format(body, indent=2).decode()
    return _UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def messages(signature: Signature, problems: Iterable[Problem]) -> tuple[dict[str, list[str]], list[str]]:
    """What is wrong, by control, and what belongs to none of them."""
    by_control: dict[str, list[str]] = {}
    others: list[str] = []
    for problem in problems:
        position = signature.positions.get(problem.field or "")
        if position is None:
            others.append(_sentence(problem, None))
        else:
            by_control.setdefault(f"f{position}", []).append(_sentence(problem, signature.inputs[position]))
    return by_control, others


def _sentence(problem: Problem, field: Field | None) -> str:
    expected = f"{problem.expected[:1].upper()}{problem.expected[1:]}"
    if problem.code in ("required", "null"):
        if field is not None and is_file(field):
            return "Please choose a file."
        if field is not None and not field.nesting and field.type in TEXTS:
            return f"Please give {_texts(field)}."
        return f"Please give {problem.expected}."
    return f"{expected} is expected here; this is {problem.got}." if problem.got else f"{expected} is expected here."


def _texts(field: Field) -> str:
    """What a text that is missing may be."""
    if not field.categories:
        return "a text"
    named = ", ".join(f'"{short(name)}"' for name in field.categories[:OFFERED])
    if field.unknown == "refuse":
        return f"one of {named}{' …' if len(field.categories) > OFFERED else ''}"
    return f"a text, such as {named}"


def _kind(field: Field) -> str:
    if field.nesting:
        return "json"
    if is_file(field):
        return "file"
    if field.type == "text":
        return "lines"
    if field.type == "bool":
        return "select"
    if field.type in INTEGERS | FLOATS:
        return "number"
    if field.type == "category":
        few = len(field.categories) <= MOST_OPTIONS and field.unknown == "refuse"
        return "select" if few else "search"
    return "text"


def _options(field: Field) -> tuple[tuple[str, str], ...]:
    if field.nesting:
        return ()
    if field.type == "bool":
        return (("true", "true"), ("false", "false"))
    return tuple((text_of(field, name), name or '"" (the empty text)') for name in field.categories)


def _hint(field: Field) -> str:
    """What may be entered, in a few words."""
    return ", ".join(_hints(field))


def _hints(field: Field) -> Iterator[str]:
    if field.nesting:
        sizes = " × ".join("any" if size == ANY_SIZE else str(size) for size in field.shape)
        yield f"JSON array of shape {sizes}, {field.type}"
    elif field.type == "image":
        yield "a JPEG, PNG, WebP, GIF or BMP file"
    elif field.type == "bytes":
        yield "a file"
    elif field.type in INTEGERS:
        yield "whole number"
    low, high = (
        None if bound is None else real_minus(msgspec.json.encode(bound).decode())
        for bound in (field.minimum, field.maximum)
    )
    if low is not None and high is not None:
        yield f"{low} to {high}"
    elif low is not None:
        yield f"{low} or more"
    elif high is not None:
        yield f"{high} or less"
    if field.type == "category" and not field.shape and len(field.categories) > MOST_OPTIONS:
        yield f"one of {len(field.categories):,}"
    if field.unknown == "native":
        yield "other values count as unseen"
    if field.nullable:
        yield "empty means missing"


def _number(text: str, cell: Any) -> Any:
    if _NUMBER(text):
        return msgspec.Raw(text.encode())
    # A float beyond all numbers would become null in JSON.
    return text if isinstance(cell, float) and cell in (float("inf"), float("-inf")) else cell


def _text(text: str) -> str:
    if text.startswith('"'):
        try:
            return msgspec.json.decode(text, type=str)
        except (msgspec.DecodeError, UnicodeError):
            return text
    return text


def _is_simple(text: str, breaks: str) -> bool:
    return text != "" and not text.startswith('"') and not any(character in text for character in breaks + "\0")


# Of the Basic Multilingual Plane: controls but the line break, invisible and bidirectional marks, odd spaces.
_UNSHOWN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u08e2\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb]"
)
