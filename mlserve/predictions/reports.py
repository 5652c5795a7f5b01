"""Reads what callers report as actuals, checked against the outputs of the version that answered."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from mlserve.errors import Invalid, MlserveError, Problem, TooLarge
from mlserve.inference.loaded import Limits
from mlserve.predictions.store import Known
from mlserve.signature import Decoder, Field, OutputField, Signature
from mlserve.signature.faults import got, pointer

REFUSAL = "The actuals do not fit the prediction."
_BARE_OUTPUTS = 'Put the outputs into {"actuals": { … }}.'
_BARE_REPORTS = 'Put the reports into {"actuals": [ … ]}.'

KnownOf = Callable[[Collection[str]], Mapping[str, Known]]


@dataclass
class BulkItem:
    """One item of a bulk report: the values to store, or the answer that says why not."""

    id: str
    values: dict[str, list[Any]] | None = None
    answer: dict[str, Any] = field(default_factory=dict)


class ReportReader:
    """Checks reports against the outputs of the versions that answered; each version's decoder is made once."""

    def __init__(self, limits: Limits, signature_of: Callable[[str, int], Signature]) -> None:
        self._limits = limits
        self._signature_of = signature_of
        self._decoders: dict[tuple[str, int], Decoder] = {}

    def read(self, prediction: Known, body: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The actuals of one prediction by output: a value or null per instance. Raises Invalid."""
        values = _actuals_of(body, dict, "an object: output → array of a value or null per instance", _BARE_OUTPUTS)
        decoder = self._decoder(prediction)
        problems = _misshapen(values, decoder.signature.names, prediction.n)
        wrong = {problem.field for problem in problems}
        sound = {name: column for name, column in values.items() if name not in wrong}
        more, batch = False, None
        if sound:
            try:
                batch = decoder.decode(None, msgspec.json.encode(sound))
            except Invalid as error:
                problems += [_moved(problem) for problem in error.problems]
                more = error.more
        if problems or batch is None:
            limit = self._limits.problems
            raise Invalid(REFUSAL, problems=problems[:limit], more=more or len(problems) > limit)
        # Bytes are kept as base64, as they were sent.
        return {name: msgspec.to_builtins(batch.values(name)) for name in values}

    def read_bulk(self, model: str, body: Mapping[str, Any], known: KnownOf) -> list[BulkItem]:
        """The items of a bulk report, each checked by itself. Raises Invalid, TooLarge for the body as a whole."""
        items = _actuals_of(body, list, "an array of objects with id and actuals", _BARE_REPORTS)
        limit = self._limits.instances
        if len(items) > limit:
            raise TooLarge(f"{len(items):,} reports in one request; at most {limit:,} (mlserve.limits.instances).")
        identities = [item.get("id") if isinstance(item, dict) else None for item in items]
        found = known({identity for identity in identities if isinstance(identity, str)})
        room = self._limits.problems  # of the whole answer, or a small body of many bad items would make a huge one
        read = []
        for item in items:
            read.append(self._read_item(model, item, found, room))
            room -= len(read[-1].answer.get("errors", ()))
        return read

    def _read_item(self, model: str, item: Any, found: Mapping[str, Known], room: int) -> BulkItem:
        identity = item.get("id") if isinstance(item, dict) else None
        if not isinstance(identity, str):
            return BulkItem("", answer=_refusal(_invalid(Problem("required", "an object with id and actuals")), room))
        prediction = found.get(identity)
        if prediction is None or prediction.model != model:
            return BulkItem(identity, answer={"stored": False, "code": "prediction_unknown"})
        try:
            values = self.read(prediction, {name: value for name, value in item.items() if name != "id"})
        except MlserveError as error:
            return BulkItem(identity, answer=_refusal(error, room))
        return BulkItem(identity, values)

    def _decoder(self, prediction: Known) -> Decoder:
        """A report is a set of columns: the outputs, each optional, each value nullable."""
        key = (prediction.model, prediction.version)
        if key not in self._decoders:
            fields = tuple(actual_field(output) for output in self._signature_of(*key).outputs)
            limits = self._limits
            signature = Signature(fields, ())
            self._decoders[key] = Decoder(signature, max_instances=limits.instances, max_problems=limits.problems)
        return self._decoders[key]


def actual_field(output: OutputField) -> Field:
    """What an actual of this output may be. An output's categories can also name the places of its tensor."""
    named = output.type == "category"
    return Field(
        output.name,
        "string" if named and not output.categories else output.type,
        output.shape,
        required=False,
        nullable=True,
        categories=output.categories if named else (),
    )


def _moved(problem: Problem) -> Problem:
    """The decoder takes the report for columns; the caller sent actuals."""
    return replace(problem, pointer=problem.pointer.replace("/columns", "/actuals", 1))


def _actuals_of(body: Mapping[str, Any], kind: type, expected: str, bare: str) -> Any:
    """The value of `actuals`, which is all that the body holds, and is not empty.

    Raises Invalid; `bare` is its sentence for a body that holds other names only.
    """
    problems = [
        Problem("unknown_field", "actuals", got(name), pointer((name,)), field=name)
        for name in body
        if name != "actuals"
    ]
    if "actuals" not in body:
        problems.append(Problem("required", expected, "nothing", "/actuals"))
    elif not isinstance(body["actuals"], kind):
        problems.append(Problem("type", expected, got(body["actuals"]), "/actuals"))
    elif not body["actuals"]:
        problems.append(Problem("empty", expected, got(body["actuals"]), "/actuals"))
    if problems:
        raise Invalid(bare if body and "actuals" not in body else REFUSAL, problems=problems)
    return body["actuals"]


def _misshapen(values: Mapping[str, Any], outputs: Sequence[str], n: int) -> list[Problem]:
    """The reports that are of no output, or are no array of a value for each instance."""
    problems = []
    array = f"an array of {n} {'value' if n == 1 else 'values'}, one per instance"
    for name, column in values.items():
        place = pointer(("actuals", name))
        if name not in outputs:
            problems.append(Problem("unknown_field", f"one of {', '.join(outputs)}", got(name), place, field=name))
        elif not isinstance(column, list):
            problems.append(Problem("type", array, got(column), place, field=name))
        elif len(column) != n:
            problems.append(Problem("length", array, got(column), place, field=name))
    return problems


def _refusal(error: MlserveError, room: int) -> dict[str, Any]:
    """At most `room` problems are listed."""
    errors = [problem.as_dict() for problem in error.problems[:room]]
    return {"stored": False, "code": error.code, "errors": errors, "more": error.more or len(error.problems) > room}


def _invalid(problem: Problem) -> Invalid:
    return Invalid(REFUSAL, problems=[problem])
