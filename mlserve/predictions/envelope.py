"""The envelope of a prediction: what stands around the instances, read before anything is known of the version."""

from itertools import islice
from typing import Any

import msgspec

from mlserve.api.bodies import read_any
from mlserve.errors import Invalid, Problem
from mlserve.signature.json_schema import REFERENCE_LENGTH


class Envelope(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`instances` or `columns` as raw JSON, decoded later with the version's own signature."""

    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    columns: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    reference: str | None = None
    parameters: dict[str, Any] | None = None
    explain: bool = False


FIELDS = Envelope.__struct_fields__
_decode = msgspec.json.Decoder(Envelope).decode


def read_envelope(body: bytes, max_depth: int, max_problems: int = 100) -> tuple[Envelope, list[Problem]]:
    """Read the envelope, and say everything that is wrong with it. Raises Unreadable for what is not JSON.

    Of unknown names, one more than `max_problems` are listed at most: it says that there are more.

    With problems, the Envelope holds what could be read all the same, so that the instances can be checked too.
    """
    try:
        envelope = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_slowly(body, max_depth, max_problems)
    one = (envelope.instances is msgspec.UNSET) != (envelope.columns is msgspec.UNSET)
    if one and envelope.reference is None and envelope.parameters is None:  # Nearly every one: nothing can be wrong.
        return envelope, []
    return envelope, _problems_of(envelope, max_problems)


def _read_slowly(body: bytes, max_depth: int, max_problems: int) -> tuple[Envelope, list[Problem]]:
    value = read_any(body, max_depth)
    if not isinstance(value, dict):
        problem = Problem(code="type", expected="an object with instances or columns", got=_short(value))
        raise Invalid("The body is not an object.", problems=[problem])
    problems = [
        Problem("unknown_field", f"one of {', '.join(FIELDS)}", _short(name), _pointer(name), field=name)
        for name in islice((name for name in value if name not in FIELDS), max_problems + 1)
    ]
    readable: dict[str, Any] = {
        name: msgspec.Raw(msgspec.json.encode(value[name])) for name in ("instances", "columns") if name in value
    }
    for name, kind, word in (("reference", str, "a string"), ("parameters", dict, "an object")):
        given = value.get(name)
        if given is None or isinstance(given, kind):
            readable[name] = given
        else:
            problems.append(_wrong(name, "type", word, given))
    explain = value.get("explain", False)
    if isinstance(explain, bool):
        readable["explain"] = explain
    else:
        problems.append(_wrong("explain", "type", "true or false", explain))
    envelope = Envelope(**readable)
    problems += _problems_of(envelope, max_problems)
    if value and value.keys().isdisjoint(FIELDS):
        raise Invalid(
            'Put the fields into {"instances": [ … ]}.',
            problems=problems[:max_problems],
            more=len(problems) > max_problems,
        )
    return envelope, problems


def _problems_of(envelope: Envelope, max_problems: int) -> list[Problem]:
    problems = []
    given = [name for name in ("instances", "columns") if getattr(envelope, name) is not msgspec.UNSET]
    if len(given) != 1:
        got = "both" if given else "neither"
        problems.append(Problem(code="required", expected="either instances or columns", got=got))
    if envelope.reference is not None and (problem := misreference(envelope.reference)):
        problems.append(problem)
    for name in islice(envelope.parameters or (), max_problems + 1):
        pointer = "/parameters" + _pointer(name)
        problems.append(
            Problem("unknown_field", "no parameters: none is known", _short(name), pointer=pointer, field=name)
        )
    return problems


def misreference(reference: str) -> Problem | None:
    """What is wrong with a reference, if anything."""
    if len(reference) <= REFERENCE_LENGTH and "\0" not in reference:
        return None
    code = "length" if len(reference) > REFERENCE_LENGTH else "nul"
    return _wrong("reference", code, f"at most {REFERENCE_LENGTH} characters without NUL", reference)


def _wrong(name: str, code: str, expected: str, value: Any) -> Problem:
    return Problem(code=code, expected=expected, got=_short(value), pointer=f"/{name}", field=name)


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."
