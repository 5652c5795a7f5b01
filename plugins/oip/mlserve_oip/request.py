"""The body of a request for inference: read, with every tensor's values still as they came."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mlserve.errors import Invalid, Problem, Unreadable
from mlserve_oip.datatypes import BYTES, NUMBERS
from mlserve_oip.framing import framed, json_length
from mlserve_oip.presentation import Tensor

Parameters = dict[str, str | bool | int | float]
Size = Annotated[int, Meta(ge=0, le=2**53)]

_STEP = re.compile(r"\.([A-Za-z_]+)|\[([0-9]+|\.\.\.)\]")
_MISSING = "Object missing required field "
# What of Triton's own parameters asks for something that there is not here, by name; all others mean nothing.
_REFUSED_INPUT = {"shared_memory_region": "no shared memory"}
_REFUSED_OUTPUT = {**_REFUSED_INPUT, "classification": "no classification: a category output answers labels"}


class InputTensor(Struct, frozen=True, gc=False):
    """`data` is JSON text; where it is not there, `parameters` say how many bytes stand behind the JSON."""

    name: str
    shape: Annotated[list[Size], Meta(min_length=1, max_length=64)]
    datatype: str
    parameters: Parameters | None = None
    data: Raw | UnsetType = UNSET


class WantedOutput(Struct, frozen=True, gc=False):
    """An output that the caller selects."""

    name: str
    parameters: Parameters | None = None


class InferRequest(Struct, frozen=True, gc=False):
    """Unknown keys are passed over, as every server of the protocol does."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[WantedOutput] | None = None

    def parameter(self, name: str) -> str | bool | int | float | None:
        return None if self.parameters is None else self.parameters.get(name)


_decode = msgspec.json.Decoder(InferRequest).decode


class Received:
    """A request with the bytes behind its JSON: `raw[i]` are those of `request.inputs[i]`, None where it has `data`."""

    __slots__ = ("has_raw", "raw", "request")

    def __init__(self, request: InferRequest, raw: list[memoryview | None], *, has_raw: bool) -> None:
        self.request = request
        self.raw = raw
        self.has_raw = has_raw


def read(body: bytes, header: str | None) -> Received | None:
    """The request of a body; `header` is `Inference-Header-Content-Length`. None: the whole body is one tensor.

    Raises Unreadable, Invalid.
    """
    length = json_length(header, len(body))
    if header is not None and length == 0:
        return None
    request = _parsed(body if length == len(body) else body[:length])
    raw, problems = _slices(request, memoryview(body)[length:])
    problems += _refused_wishes(request)
    if problems:
        raise Invalid("The request is not one of the protocol.", problems=problems)
    return Received(request, raw, has_raw=any(one is not None for one in raw))


def _parsed(text: bytes) -> InferRequest:
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except UnicodeDecodeError as error:
        raise Unreadable("The request is not UTF-8.") from error
    except msgspec.DecodeError as error:
        said = f"The request is not JSON: {error}." if text.strip() else "The body is empty."
        raise Unreadable(said) from error
    except RecursionError as error:
        raise Unreadable("The request is nested too deep.") from error


def _invalid(said: str) -> Invalid:
    """msgspec's `Expected `str`, got `int` - at `$.id`` as a problem with a pointer."""
    said, _, place = said.partition(" - at `")
    steps = ["".join(step) for step in _STEP.findall(place)]
    expected, _, found = said.replace("`", "").removeprefix("Expected ").partition(", got ")
    pointer = "".join(f"/{step}" for step in steps)
    if said.startswith(_MISSING):
        member = expected.removeprefix(_MISSING)
        problem = Problem("required", f"the member {member}", "nothing", pointer)
    else:
        problem = Problem("type", expected, found, pointer)
    return Invalid("The request is not one of the protocol.", problems=[problem])


def _slices(request: InferRequest, behind: memoryview) -> tuple[list[memoryview | None], list[Problem]]:
    """The bytes behind the JSON, by input; each input has either these or `data`."""
    found: list[memoryview | None] = []
    problems: list[Problem] = []
    at, total = 0, len(behind)
    for place, tensor in enumerate(request.inputs):
        parameters = tensor.parameters
        size: Any = None if parameters is None else parameters.get("binary_data_size")
        if (size is None) != (tensor.data is not UNSET):
            got = "neither" if size is None else "both"
            problem = Problem("required", "either data or binary_data_size", got, f"/inputs/{place}", field=tensor.name)
            problems.append(problem)
            size = None
        if size is None:
            found.append(None)
            continue
        if type(size) is not int or not 0 <= size <= total - at:
            expected = f"a number of bytes up to the {total - at} that are left behind the JSON"
            pointer = f"/inputs/{place}/parameters/binary_data_size"
            problems.append(Problem("size", expected, str(size)[:40], pointer, field=tensor.name))
            return found, problems
        found.append(behind[at : at + size])
        at += size
    if at != total and not problems:
        problems.append(Problem("size", f"{at} bytes behind the JSON", str(total)))
    return found, problems


def _refused_wishes(request: InferRequest) -> list[Problem]:
    problems = []
    asked: list[tuple[str, Sequence[InputTensor | WantedOutput], dict[str, str]]] = [
        ("inputs", request.inputs, _REFUSED_INPUT),
        ("outputs", request.outputs or (), _REFUSED_OUTPUT),
    ]
    for key, tensors, refused in asked:
        for place, tensor in enumerate(tensors):
            for name in tensor.parameters or ():
                if name in refused:
                    pointer = f"/{key}/{place}/parameters/{name}"
                    problems.append(Problem("not_supported", refused[name], name, pointer, field=tensor.name))
    for place, wanted in enumerate(request.outputs or ()):
        _expect_bool(wanted.parameters, "binary_data", f"/outputs/{place}/parameters/binary_data", problems)
    _expect_bool(request.parameters, "binary_data_output", "/parameters/binary_data_output", problems)
    return problems


def _expect_bool(parameters: Parameters | None, name: str, pointer: str, problems: list[Problem]) -> None:
    value = None if parameters is None else parameters.get(name)
    if value is not None and not isinstance(value, bool):
        problems.append(Problem("type", "true or false", str(value)[:40], pointer))


def whole_body(body: bytes, inputs: Iterable[Tensor]) -> Received:
    """The request of a body that is one tensor, for a model that has one input: one instance.

    A single size that may vary follows from the length. Raises Invalid.
    """
    wanted, *others = inputs
    if others or wanted.shape.count(-1) > 1 or (wanted.datatype == BYTES and wanted.shape):
        problem = Problem("not_supported", "a model of one input with one size to guess", "another model")
        raise Invalid(
            "A body that is one tensor does not say which input it is, or of which shape.", problems=[problem]
        )
    shape = list(wanted.shape)
    if -1 in shape:
        least = math.prod(size for size in shape if size != -1) * NUMBERS[wanted.datatype].itemsize
        shape[shape.index(-1)] = len(body) // least
    tensor = InputTensor(wanted.name, [1, *shape], wanted.datatype)
    raw = framed([body]) if wanted.datatype == BYTES else body
    return Received(InferRequest([tensor]), [memoryview(raw)], has_raw=True)
