"""The body of a prediction: rows (`instances`) or columns (`inputs`), as both servers' clients send them."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Raw

from mlserve.errors import Invalid, Problem
from mlserve.inference import LoadedVersion
from mlserve.protocols import at_member, columns_as_ours, json_value, rows_as_ours
from mlserve.signature import Batch

# The one signature of a model here; TensorFlow Serving calls it by this name, or does not say.
SIGNATURE = "serving_default"
SIGNATURE_NAME = "signature_name"
MEMBERS = ("instances", "inputs", SIGNATURE_NAME, "reference")
# Of members that nobody knows, so many are told.
MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Sent:
    """One of `instances` and `inputs`, as raw JSON, and the caller's own `reference`."""

    instances: Raw | None
    inputs: Raw | None
    reference: str | None

    def decode(self, loaded: LoadedVersion) -> Batch:
        """The Batch of a version. Raises Invalid, TooLarge, Unreadable."""
        signature = loaded.signature
        if self.instances is not None:
            return loaded.decoder.decode(rows_as_ours(bytes(self.instances), signature), None)
        with at_member("inputs"):
            return loaded.decoder.decode(None, columns_as_ours(bytes(self.inputs or b""), signature))


def read(members: Mapping[str, Raw]) -> Sent:
    """Raises Invalid with everything that is wrong around the instances."""
    problems = [
        Problem("unknown_field", f"one of {', '.join(MEMBERS)}", pointer=f"/{name}", field=name)
        for name in members
        if name not in MEMBERS
    ]
    if ("instances" in members) == ("inputs" in members):
        got = "both" if "inputs" in members else "neither"
        problems.append(Problem("required", "either instances (rows) or inputs (columns)", got))
    name = _text(members, SIGNATURE_NAME, problems)
    if name not in (None, "", SIGNATURE):
        problems.append(
            Problem(
                "category", f"{SIGNATURE}, which each model has", repr(name), f"/{SIGNATURE_NAME}", field=SIGNATURE_NAME
            )
        )
    reference = _text(members, "reference", problems)
    if problems:
        more = len(problems) > MOST_PROBLEMS
        raise Invalid("The body is no prediction's.", problems=problems[:MOST_PROBLEMS], more=more)
    return Sent(members.get("instances"), members.get("inputs"), reference)


def _text(members: Mapping[str, Raw], name: str, problems: list[Problem]) -> str | None:
    value = None if name not in members else json_value(members[name])
    if value is not None and not isinstance(value, str):
        problems.append(
            Problem("type", "a text", bytes(members[name])[:40].decode("utf-8", "replace"), f"/{name}", field=name)
        )
        return None
    return value
