"""What a protocol plugin stands on: the core's own predictions, for requests and answers of another form.

`config.add_protocol` claims the addresses, `config.add_protocol_resource` gives them resources, and these ask the names
here. Versions, keys, limits, the log, metrics and `Idempotency-Key` are then those of every other prediction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from msgspec import Raw

from mlserve.api.bodies import read_members, refuse_depth
from mlserve.api.failure import Failure, WriteProblem
from mlserve.api.inflating import read_inflated
from mlserve.api.negotiation import JSON
from mlserve.api.negotiation import media_type_sent as _media_type_sent
from mlserve.api.renderer import json_response
from mlserve.errors import Invalid, ModelNotReady, Unreadable, VersionUnknown
from mlserve.inference import LoadedVersion
from mlserve.names import CHAMPION, counted
from mlserve.predictions.envelope import misreference
from mlserve.predictions.forms.answering import PREDICTION_ID
from mlserve.predictions.forms.csv_reading import decode_rows, read_rows
from mlserve.predictions.loose import at_member, columns_as_ours, json_value, rows_as_ours, with_nan
from mlserve.predictions.resources import idempotency_key, swapped_in
from mlserve.predictions.service import Answered, Asked
from mlserve.registry.past import using_number
from mlserve.registry.signatures import signature_of
from mlserve.signature import Batch
from mlserve.types import application_of

__all__ = [
    "JSON",
    "PREDICTION_ID",
    "Answered",
    "Decode",
    "Failure",
    "Target",
    "WriteProblem",
    "at_member",
    "columns_as_ours",
    "decode_rows",
    "headers_of",
    "json_members",
    "json_response",
    "json_value",
    "media_type_sent",
    "predict",
    "read_body",
    "read_rows",
    "rows_as_ours",
    "target_of",
]

# Makes a Batch of the version that is to answer, which need not be the one that was there when the request came.
Decode = Callable[[LoadedVersion], Batch]

_BODY = "mlserve.protocol_body"


@dataclass(frozen=True)
class Target:
    """The version that is asked: by the `alias`, None where by its number. `asked` is what the log says of that."""

    loaded: LoadedVersion
    alias: str | None
    asked: str


@contextmanager
def target_of(request: Any, *, version: str | None = None, alias: str | None = None) -> Iterator[Target]:
    """What the path asks for by `model` and `version` or `alias`; without one of these, by the alias champion.

    A `version` or an `alias` given here counts instead of the path's, for protocols that write these in another way.
    A version that no alias names stays loaded as long as the block runs.
    Raises ModelUnknown, VersionUnknown, VersionRetired, AliasUnknown, NotSupported, ModelNotReady, StoreUnavailable,
    DatabaseUnavailable.
    """
    application, match = application_of(request), request.matchdict
    model = application.live.get(match["model"])
    if version is None and alias is None:
        version, alias = match.get("version"), match.get("alias")
    if version is not None:
        number = counted(version)
        if number is None:
            raise VersionUnknown(f"Model {model.name} has no version {version!r}.")
        with using_number(application, model.name, number) as loaded:
            yield Target(loaded, None, f"version:{number}")
    else:
        alias = CHAMPION if alias is None else alias
        loaded = model.loaded() if alias == CHAMPION else model.at(alias, application.registry.coming)
        yield Target(loaded, alias, f"alias:{alias}")


def read_body(request: Any, *, open_ended: bool = False) -> bytes:
    """The body of the request, without its Content-Encoding (gzip, deflate); either has `limits.body` bytes at most.

    Read once: it is there for whoever asks again. `open_ended` says that its form has no end of its own, as a CSV has
    none. Raises TooLarge, Unreadable, UnsupportedMediaType, and LengthRequired where nobody can tell whether such a
    body has come whole.
    """
    environ = request.environ
    if _BODY not in environ:
        environ[_BODY] = read_inflated(environ, application_of(request).limits.body, open_ended=open_ended)
    body: bytes = environ[_BODY]
    return body


def json_members(request: Any, *, nan: bool = False) -> dict[str, Raw]:
    """The members of the JSON object that the body is, each as its own JSON text.

    `nan`: some clients write a missing number as NaN, which is no JSON; it is read as null. Raises TooLarge,
    Unreadable, Invalid, UnsupportedMediaType.
    """
    body, depth = read_body(request), application_of(request).limits.depth
    try:
        return read_members(body, depth)
    except Unreadable:
        if not nan or b"NaN" not in body:
            raise
        refuse_depth(body, depth)
        return read_members(with_nan(body), depth)


def media_type_sent(request: Any, *types: str, alike: tuple[str, ...] = ()) -> str:
    """Which of `types` the body says that it is; silence is the first, and so is a type of `alike`.

    A page of another site must say one of `types`: browsers let it send the others without asking this server. Raises
    UnsupportedMediaType.
    """
    return _media_type_sent(request.environ, types, alike)


def predict(
    request: Any,
    target: Target,
    sent: bytes | Batch | Decode,
    *,
    reference: str | None = None,
    explain: bool = False,
) -> Answered:
    """Answer and keep a prediction; its answer may leave when this returns.

    `sent` is a JSON body as our own resources take it, or a Batch of the target, or best a function that decodes one:
    it is asked again where another version takes the target's place meanwhile, and what it refuses counts as refused.

    `Answered.signature` is that of the version that has answered: of the stored answer to an `Idempotency-Key` that
    came before it need not be the target's. `Answered.arrays` are the predictor's, by output; a stored answer has none.

    Raises what `PredictionService.answer` does, what `sent` raises, and Invalid for a reference that is too long.
    """
    if reference is not None and (problem := misreference(reference)):
        # Where it stands in the body, the protocol knows.
        raise Invalid("The reference cannot be kept.", problems=[replace(problem, pointer="")])
    asked = Asked(
        alias=target.alias,
        asked=target.asked,
        caller=request.caller,
        reference=reference,
        request_id=request.request_id,
        idempotency_key=idempotency_key(request.environ),
        explain=explain,
    )
    try:
        answered = _answer(request, target.loaded, sent, asked)
    except ModelNotReady:
        if target.alias is None:
            raise
        answered = _answer(request, swapped_in(request, target.alias, target.loaded), sent, asked)
    if not answered.replayed:
        return answered
    record = answered.record
    return answered._replace(signature=signature_of(application_of(request), record.model, record.version))


def headers_of(answered: Answered) -> list[tuple[str, str]]:
    """The headers that every protocol answers a prediction with: its id, and whether it is the answer of before."""
    headers = [(PREDICTION_ID, answered.record.id)]
    if answered.replayed:
        headers.append(("Idempotency-Replayed", "true"))
    return headers


def _answer(request: Any, loaded: LoadedVersion, sent: bytes | Batch | Decode, asked: Asked) -> Answered:
    serving = request.serving
    if isinstance(sent, bytes):
        return serving.answer(loaded, sent, asked)  # type: ignore[no-any-return]
    decode = _as_it_is(sent) if isinstance(sent, Batch) else sent
    return serving.answer_by(loaded, decode, read_body(request), asked)  # type: ignore[no-any-return]


def _as_it_is(batch: Batch) -> Decode:
    def decode(loaded: LoadedVersion) -> Batch:
        if loaded.signature != batch.signature:
            raise ModelNotReady("Another version has just taken the place of the one that was asked.", retry_after=1)
        return batch

    return decode
