"""What each address of the protocol takes and answers, and which role it needs."""

from typing import Any, Final

from mlserve.api.operations import Operation

OCTETS: Final = "application/octet-stream"
# What `curl -d` says of every body.
FORM: Final = "application/x-www-form-urlencoded"

_OBJECT: dict[str, Any] = {"type": "object"}
_LIST: dict[str, Any] = {"type": "array", "items": _OBJECT}
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}

SERVER = Operation(summary="The server and the extensions that it has", answer=_OBJECT, needs="none")
LIVE = Operation(summary="Is the process alive", answer=_OBJECT, needs="none")
READY = Operation(summary="Can predictions be answered", answer=_OBJECT, answers={503: _OBJECT}, needs="none")
MODELS = Operation(summary="The names of the models", answer=_OBJECT, needs="observe", lists=True)
MODEL = Operation(summary="The tensors of a model", answer=_OBJECT, needs="any")
MODEL_READY = Operation(summary="Can the model answer", answer=_OBJECT, needs="any", problems=("model_not_ready",))
INFER = Operation(
    summary="Make a prediction",
    answer=_OBJECT,
    media={OCTETS: _BINARY},
    body=_OBJECT,
    takes=("application/json", OCTETS),
    needs="predict",
)
CONFIGURATION = Operation(summary="The configuration of a model", answer=_OBJECT, needs="any")
STATISTICS = Operation(summary="What models have answered, and how long it took", answer=_OBJECT, needs="observe")
ALL_STATISTICS = Operation(
    summary="What all models have answered, and how long it took", answer=_OBJECT, needs="observe", lists=True
)
INDEX = Operation(summary="The versions of all models", answer=_LIST, body=_OBJECT, needs="observe", lists=True)
LOAD = Operation(summary="Let a model answer again", answer=_OBJECT, body=_OBJECT, needs="operate")
UNLOAD = Operation(summary="Let a model answer no more", answer=_OBJECT, body=_OBJECT, needs="operate")
LOOK = Operation(summary="What there is of it here", answer=_OBJECT, needs="observe")
LOOK_AT_LIST = Operation(summary="What there is of it here", answer=_LIST, needs="observe")
CHANGE = Operation(summary="Nothing that can be changed here", answer=_OBJECT, body=_OBJECT, needs="operate")
