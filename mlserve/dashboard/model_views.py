"""The list of models, and the page of one: what it is, a form to try it, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import colander
import msgspec
from pyramid.response import Response

from mlserve.api.negotiation import UPLOAD, boundary_sent, read_body
from mlserve.api.problems import domain_problem
from mlserve.api.query import read_query
from mlserve.auth.guard import sees, why_not
from mlserve.auth.roles import PREDICT
from mlserve.dashboard import csrf, forms, panels, present, snippets
from mlserve.dashboard.explained import Explained, explained
from mlserve.dashboard.files import Held, held_of
from mlserve.dashboard.kept_views import QUERY_OF_INSTANCE, Row, rows
from mlserve.dashboard.life import life_of
from mlserve.dashboard.page import asks_for_keys, page
from mlserve.errors import (
    DatabaseUnavailable,
    Invalid,
    MlserveError,
    ModelNotReady,
    NotSupported,
    TooLarge,
    Unreadable,
    UnsupportedMediaType,
)
from mlserve.inference import LiveModel, LoadedVersion
from mlserve.names import CHAMPION
from mlserve.predictions import store
from mlserve.predictions.multipart import EXPLAIN, is_file, read_parts
from mlserve.predictions.record import PredictionRecord
from mlserve.predictions.resources import swapped_in
from mlserve.predictions.schemas import first_page
from mlserve.predictions.service import Answered, Asked, PredictionService
from mlserve.registry.resources import describe
from mlserve.signature import Signature

FORM = "application/x-www-form-urlencoded"
LAST = 10
# The last predictions are a glance: of very large ones fewer are shown.
LAST_BYTES = 1_000_000
# A form of more bytes is refused, and a request of more bytes is not shown as code: a page holds each value often.
FORM_BYTES = 1_000_000
CODE_BYTES = 100_000

# What the files of a command are called.
EXAMPLES = {"image": "picture.jpg", "bytes": "file.bin"}

FromQuery = colander.MappingSchema(
    colander.SchemaNode(colander.String(), name="from", missing=None),
    QUERY_OF_INSTANCE.clone(),
)


@dataclass
class Trial:
    """What the form holds, and what came of it."""

    texts: Mapping[str, str]
    body: bytes  # what the form sends, or has sent
    note: str = ""
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    other_errors: list[str] = field(default_factory=list)
    more: bool = False
    problem: Mapping[str, Any] | None = None
    answer: "Answer | None" = None


@dataclass(frozen=True)
class Answer:
    """The prediction that the form has made."""

    id: str
    outputs: list[present.Output]
    warnings: list[dict[str, Any]]
    explained: Explained | None


def models(request: Any) -> Response:
    """Every model at a glance, from memory."""
    listed = [
        (model, present.at_a_glance(model.champion.manifest["content"]["metrics"] if model.champion else None))
        for model in request.mlserve.live
        if sees(request, model.name)
    ]
    return page(request, "models.jinja2", models=listed)


def model(request: Any) -> Response:
    """One model, with its form as its examples or an earlier prediction fill it."""
    live = request.context.model
    if live.champion is None:
        return page(request, "model_failed.jinja2", model=live, life=life_of(request, live))
    signature = live.champion.signature
    query = read_query(request.environ, FromQuery)
    instance, note = forms.beginning(signature), ""
    if query["from"] is not None:
        instance, note = _earlier(request, live, query["from"], query["instance"])
    texts = forms.texts_of(signature, instance)
    return _page(request, live, live.champion, Trial(texts, _body(live.champion, texts), note))


def predict(request: Any) -> Response:
    """Answer the form as a normal prediction; what is wrong with it is told at its fields."""
    live = request.context.model
    loaded = live.loaded()
    posted = read_form(request, len(loaded.signature.inputs))
    csrf.check(request, posted.get(csrf.FIELD, ""))
    trial = Trial(posted, _body(loaded, posted))
    try:
        loaded, answered = _answered(request, loaded, trial)
    except Invalid as error:
        trial.errors, trial.other_errors = forms.messages(loaded.signature, error.problems)
        trial.more = error.more
        return _page(request, live, loaded, trial, status=422)
    except MlserveError as error:
        response = domain_problem(error, request)
        trial.problem = msgspec.json.decode(response.body)
        headers = [(name, value) for name, value in response.headerlist if name == "Retry-After"]
        return _page(request, live, loaded, trial, status=response.status_int, headers=headers)
    trial.answer = _answer(loaded, answered, trial.body)
    return _page(request, live, loaded, trial)


def _page(
    request: Any,
    live: LiveModel,
    loaded: LoadedVersion,
    trial: Trial,
    *,
    status: int = 200,
    headers: list[tuple[str, str]] | None = None,
) -> Response:
    controls = forms.controls(loaded.signature)
    url = request.route_url("model", model=live.name) + "/predictions"
    body = trial.body.decode() if len(trial.body) <= CODE_BYTES else None
    held = {control.name: held_of(trial.texts.get(control.name, "")) for control in controls if control.kind == "file"}
    about, key = describe(live), asks_for_keys(request)
    return page(
        request,
        "model.jinja2",
        status=status,
        headers=headers or (),
        model=live,
        loaded=loaded,
        about=about,
        metrics=present.metrics_of(about["metrics"]),
        trial=trial,
        groups=forms.groups(controls),
        controls={control.name: control for control in controls},
        token=csrf.token(request),
        token_field=csrf.FIELD,
        why_not=why_not(request, PREDICT, live.name),
        key=key,
        held=held,
        curl=_curl(loaded, trial, url, key=key),
        python=None if body is None or _lacks_file(controls, held) else snippets.python_post(url, body, key=key),
        last=_last(request, live.name),
        life=life_of(request, live),
        panels=panels.shown(request, live),
    )


def _lacks_file(controls: list[forms.Control], held: Mapping[str, Held | None]) -> bool:
    """Whether the request is not whole yet, for want of a file that nobody has chosen."""
    return any(control.kind == "file" and not control.field.nullable and not held[control.name] for control in controls)


def _curl(loaded: LoadedVersion, trial: Trial, url: str, *, key: bool) -> str | None:
    """The command that sends the same: with files where there are some, else JSON; None where that is long."""
    parts = _parts(loaded, trial)
    if parts is None:
        return None if len(trial.body) > CODE_BYTES else snippets.curl_post(url, trial.body.decode(), key=key)
    if sum(map(len, parts.values())) > CODE_BYTES:
        return None
    # The page does not know what the files were called on the visitor's disk.
    files = [(field.name, EXAMPLES[field.type]) for field in loaded.signature.inputs if field.name not in parts]
    return snippets.curl_form(url, parts.items(), files, key=key)


def _parts(loaded: LoadedVersion, trial: Trial) -> dict[str, str] | None:
    """The texts of the same request as a form, all but its files; None where it has no file, or no form says it."""
    inputs = loaded.signature.inputs
    if not any(map(is_file, inputs)):
        return None
    sent = msgspec.json.decode(trial.body, type=dict[str, Any])
    (instance,) = sent["instances"]
    names = {field.name for field in inputs if is_file(field) and (not field.nullable or instance.get(field.name))}
    # Of an empty part it means that there is no value.
    if not names or any("=" in field.name for field in inputs) or "" in instance.values():
        return None
    texts = {name: present.as_cell(value) for name, value in instance.items() if name not in names}
    return texts | ({EXPLAIN: "true"} if sent.get(EXPLAIN) and EXPLAIN not in loaded.signature.positions else {})


def _body(loaded: LoadedVersion, texts: Mapping[str, str]) -> bytes:
    return forms.body_of(forms.instance_of(loaded.signature, texts), explain=loaded.explains)


def _answered(request: Any, loaded: LoadedVersion, trial: Trial) -> tuple[LoadedVersion, Answered]:
    """The answer, with the version that gave it: `loaded`, or the one that has taken its place meanwhile."""
    try:
        return loaded, _answered_by(request, loaded, trial)
    except ModelNotReady:
        successor = swapped_in(request, CHAMPION, loaded)
        return successor, _answered_by(request, successor, trial)


def _answered_by(request: Any, loaded: LoadedVersion, trial: Trial) -> Answered:
    serving: PredictionService = request.serving
    asked = Asked(caller=request.caller, request_id=request.request_id)
    try:
        return serving.answer(loaded, trial.body, asked)
    except NotSupported:
        if not loaded.explains:
            raise
        # Some models of a family that explains cannot be explained: then the answer comes without.
        trial.body = forms.body_of(forms.instance_of(loaded.signature, trial.texts), explain=False)
        return serving.answer(loaded, trial.body, asked)


def _answer(loaded: LoadedVersion, answered: Answered, body: bytes) -> Answer:
    record = answered.record
    outputs = msgspec.json.decode(record.outputs)[0]
    inputs = msgspec.json.decode(body)["instances"][0]
    return Answer(
        record.id,
        present.outputs_of(loaded.signature, outputs),
        record.warnings or [],
        explained(
            answered.explanation,
            0,
            inputs,
            present.labels_of(loaded.signature, outputs),
            present.unseen(loaded.signature, inputs),
        ),
    )


def read_form(request: Any, fields: int) -> dict[str, str]:
    """The posted texts by control. Raises Unreadable, TooLarge, UnsupportedMediaType."""
    sent = request.environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if sent == UPLOAD:
        posted = _read_upload(request)
    elif sent == FORM:
        posted = _read_texts(request, fields)
    else:
        raise UnsupportedMediaType(f"The body is {sent!r}; this form sends {FORM}, and {UPLOAD} where it has files.")
    # Browsers send every line break as CR LF.
    return {name: value.replace("\r\n", "\n") for name, value in posted.items()}


def _read_texts(request: Any, fields: int) -> dict[str, str]:
    try:
        body = read_body(request.environ, min(request.mlserve.limits.body, FORM_BYTES))
    except TooLarge as error:
        if request.mlserve.limits.body < FORM_BYTES:
            raise
        raise TooLarge(f"The form has more than {FORM_BYTES:,} bytes: values as large go to the API.") from error
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=fields + 10))
    except ValueError as error:  # UnicodeDecodeError is one.
        raise Unreadable("The form cannot be read: it is not UTF-8, or has too many fields.") from error


def _read_upload(request: Any) -> dict[str, str]:
    boundary = boundary_sent(request.environ)
    assert boundary is not None  # The media type has been looked at.
    try:
        return forms.texts_of_parts(read_parts(read_body(request.environ, request.mlserve.limits.body), boundary))
    except UnicodeDecodeError as error:
        raise Unreadable("The form cannot be read: a text in it is not UTF-8.") from error


def _earlier(request: Any, live: LiveModel, identity: str, number: int) -> tuple[dict[str, Any], str]:
    """An instance of an earlier prediction, as far as the log has kept it, and a sentence about it."""
    try:
        record: PredictionRecord | None = request.serving.log.find(identity.lower())
    except DatabaseUnavailable:
        return forms.beginning(_signature(live)), "The database cannot be reached, so these are the examples."
    if record is None or record.model != live.name or number >= record.n:
        return forms.beginning(_signature(live)), "There is no such prediction of this model; these are the examples."
    kept: dict[str, Any] = msgspec.json.decode(record.inputs_text())[number]
    hidden = record.not_kept or {}
    note = f"These are the inputs of prediction {record.id}."
    if hidden:
        note += f" Not kept, and so left empty: {', '.join(hidden)}."
    return {name: value for name, value in kept.items() if name not in hidden}, note


def _signature(live: LiveModel) -> Signature:
    return live.loaded().signature


def _last(request: Any, name: str) -> list[Row] | None:
    """The last predictions; None while the database cannot be used."""
    try:
        with request.mlserve.database.read() as connection:
            found = store.walk_predictions(connection, name, limit=LAST)
            return rows(first_page(found, LAST, LAST_BYTES, inputs=False)[0])
    except DatabaseUnavailable:
        return None
