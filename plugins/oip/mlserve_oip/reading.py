"""From the tensors of a request to the Batch of a version, or to everything that is wrong with them."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

import msgspec
import numpy as np
import orjson
from msgspec import Raw
from numpy.typing import NDArray

from mlserve.errors import Invalid, Problem, TooLarge, Unreadable
from mlserve.inference import LoadedVersion
from mlserve.signature import Batch
from mlserve_oip import framing
from mlserve_oip.datatypes import BYTES, KNOWN, NUMBERS
from mlserve_oip.framing import Malformed
from mlserve_oip.matrix import columns_of
from mlserve_oip.presentation import KEY, Presentation, Tensor
from mlserve_oip.request import InputTensor, Received

_LIMIT_OF_GOT = 60
_FLAT = re.compile(rb"\[\s*[^\[\s]").match
_MOST_TOLD = 10
_FEW = 16
_LARGEST = int(np.finfo(np.float64).max)
_ALLOWED: dict[str, set[type]] = {"b": {bool}, "f": {int, float, type(None)}}


class Reader:
    """Reads one request for one version."""

    def __init__(self, loaded: LoadedVersion, presentation: Presentation, received: Received) -> None:
        self._loaded = loaded
        self._presentation = presentation
        self._inputs = received.request.inputs
        self._raw = received.raw
        self._has_raw = received.has_raw

    def batch(self) -> Batch:
        """Raises Invalid with pointers into the request, TooLarge, Unreadable."""
        n = self._refuse_too_many(self._plain() or self._checked())
        try:
            text = None
            if self._presentation.is_flat and (n <= _FEW or not self._has_raw):
                text = self._columns_text()
            batch = self._of_arrays() if text is None else self._loaded.decoder.decode(None, text)
        except Invalid as error:
            raise self._told(error) from error
        if batch.n != n:
            raise _wrong_count(0, self._inputs[0], batch.n)
        return batch

    def _plain(self) -> int:
        """The number of instances, if nothing can be wrong but the values, as in nearly every request; else 0."""
        declared, sizes = self._presentation.inputs, set()
        given = {tensor.name for tensor in self._inputs}
        if len(given) < len(self._inputs) or not self._presentation.required <= given:
            return 0
        for tensor in self._inputs:
            wanted = declared.get(tensor.name)
            if wanted is None or wanted.shape or tensor.datatype != wanted.datatype or len(tensor.shape) != 1:
                return 0
            sizes.add(tensor.shape[0])
        return sizes.pop() if len(sizes) == 1 else 0

    def _checked(self) -> int:
        """The number of instances, once names, datatypes and shapes are those of the model."""
        declared = self._presentation.inputs
        problems: list[Problem] = []
        sizes = set()
        for place, tensor in enumerate(self._inputs):
            wanted = declared.get(tensor.name)
            if wanted is None:
                few = len(declared) == 1
                expected = f"{next(iter(declared))}, the one input" if few else f"one of {', '.join(declared)}"
                problem = Problem("unknown_field", expected, tensor.name, f"/inputs/{place}/name", field=tensor.name)
                problems.append(problem)
                if few and (fault := _misfit(tensor, next(iter(declared.values())), place)):
                    problems.append(fault)
            elif fault := _misfit(tensor, wanted, place):
                problems.append(fault)
            else:
                sizes.add(tensor.shape[0])
        names = [tensor.name for tensor in self._inputs]
        if len(given := set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            problems.append(Problem("unknown_field", "each input once", twice, "/inputs", field=twice))
        problems += [
            Problem("required", "this input", "nothing", "/inputs", field=name)
            for name in declared
            if name in self._presentation.required and name not in given
        ]
        if not problems and len(sizes) != 1:
            found = " and ".join(map(str, sorted(sizes)))
            problems.append(Problem("length", "the same number of instances in every input", found, "/inputs"))
        if not problems and sizes == {0}:
            problems.append(Problem("empty", "at least one instance", "0", "/inputs/0/shape"))
        if problems:
            most = self._loaded.decoder.max_problems
            said = "The inputs are not those of the model."
            if self._is_sent_as_matrix():
                said += f" One tensor of all {len(declared)} is taken where the INI says so: {KEY}."
            raise Invalid(said, problems=problems[:most], more=len(problems) > most)
        return sizes.pop()

    def _is_sent_as_matrix(self) -> bool:
        """Whether there is one tensor of rows, which the model would take if the INI said that it is a matrix."""
        declared, first = self._presentation.inputs, self._inputs[0] if len(self._inputs) == 1 else None
        if first is None or len(declared) == 1 or not self._presentation.may_be_matrix:
            return False
        return first.name not in declared and len(first.shape) == 2

    def _refuse_too_many(self, n: int) -> int:
        if n > (most := self._loaded.decoder.max_instances):
            raise TooLarge(f"{n} instances are more than the {most} that one request may have.")
        return n

    def _columns_text(self) -> bytes | None:
        """Flat lists of scalars are the columns that our own resources take, which are checked by the same rules.

        A few numbers that came as bytes are sooner read so than as arrays. None: not all of them can be read so.
        """
        parts: list[bytes] = []
        for tensor, raw in zip(self._inputs, self._raw, strict=True):
            wanted = self._presentation.inputs[tensor.name]
            # Without bytes every input has data.
            data = bytes(tensor.data) if raw is None else _text_of(tensor, wanted, raw)  # type: ignore[arg-type]
            if not _FLAT(data):
                return None  # Nested, as [[1], [2]], or no list at all, which is said elsewhere.
            parts.append(wanted.key + data)
        return b"{" + b",".join(parts) + b"}"

    def _of_arrays(self) -> Batch:
        columns = {}
        for place, (tensor, raw) in enumerate(zip(self._inputs, self._raw, strict=True)):
            wanted = self._presentation.inputs[tensor.name]
            columns[tensor.name] = (
                _of_json(place, tensor, wanted) if raw is None else _of_bytes(place, tensor, wanted, raw)
            )
        if self._presentation.is_matrix:
            (matrix,) = columns.values()
            columns = columns_of(np.asarray(matrix), self._loaded.signature)
        return self._loaded.decoder.decode_arrays(columns)

    def _told(self, error: Invalid) -> Invalid:
        """The same with pointers into the request, in place of those into the columns of our own bodies."""
        places = {tensor.name: place for place, tensor in enumerate(self._inputs)}
        problems = [self._placed(problem, places) for problem in error.problems]
        return Invalid(error.detail, problems=problems, more=error.more)

    def _placed(self, problem: Problem, places: dict[str, int]) -> Problem:
        if problem.pointer.startswith("/inputs"):
            return problem
        steps = problem.pointer.split("/")[3:]  # After "", "columns" and the name.
        if self._presentation.is_matrix:
            names = self._loaded.signature.names
            at = names.index(problem.field) if problem.field in names else 0
            steps = [str(int(steps[0]) * len(names) + at)] if steps else []
            place: int | None = 0
        else:
            place = places.get(problem.field or "")
        if place is None:
            pointer = "/inputs"
        elif self._raw[place] is not None:
            pointer = f"/inputs/{place}"
        else:
            pointer = "/".join([f"/inputs/{place}/data", *steps])
        return Problem(problem.code, problem.expected, problem.got, pointer, problem.instance, problem.field)


def _misfit(tensor: InputTensor, wanted: Tensor, place: int) -> Problem | None:
    """What is wrong with the datatype or the shape of an input."""
    if tensor.datatype != wanted.datatype:
        got = tensor.datatype if tensor.datatype in KNOWN else f"{tensor.datatype[:_LIMIT_OF_GOT]!r}, no datatype"
        return Problem("datatype", wanted.datatype, got, f"/inputs/{place}/datatype", field=tensor.name)
    rest = tensor.shape[1:]
    fits = len(rest) == len(wanted.shape) and all(
        size in (-1, given) for size, given in zip(wanted.shape, rest, strict=True)
    )
    if fits or (not wanted.shape and rest == [1]):
        return None
    return Problem(
        "shape",
        str([-1, *wanted.shape]),
        str(tensor.shape)[:_LIMIT_OF_GOT],
        f"/inputs/{place}/shape",
        field=wanted.name,
    )


def _of_bytes(place: int, tensor: InputTensor, wanted: Tensor, raw: memoryview) -> NDArray[Any] | list[Any]:
    """The values of a tensor that stood behind the JSON: (n, *shape), or a list of n where it is one of texts."""
    shape = [tensor.shape[0], *tensor.shape[1 : 1 + len(wanted.shape)]]
    try:
        if wanted.datatype != BYTES:
            return framing.numbers(raw, wanted.datatype, shape)
        return _shaped(framing.elements(raw, math.prod(shape)), shape)
    except Malformed as error:
        problem = Problem("size", error.expected, error.got, f"/inputs/{place}", field=tensor.name)
        raise Invalid("The bytes of a tensor do not fit it.", problems=[problem]) from error


def _text_of(tensor: InputTensor, wanted: Tensor, raw: memoryview) -> bytes:
    """The JSON of numbers that came as bytes: NaN is null. Empty for what JSON cannot write, or what does not fit."""
    if wanted.datatype == BYTES:
        return b""
    try:
        values = framing.numbers(raw, wanted.datatype, tensor.shape[:1])
    except Malformed:
        return b""
    if values.dtype.kind == "f" and np.isinf(values).any():
        return b""
    return orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)


def _of_json(place: int, tensor: InputTensor, wanted: Tensor) -> NDArray[Any] | list[Any]:
    """The values of a tensor's JSON, nested or flat: (n, *shape), or a list of n where it has no shape."""
    values = _flat(place, tensor, _parsed(tensor.data))
    shape = [tensor.shape[0], *tensor.shape[1 : 1 + len(wanted.shape)]]
    if wanted.datatype == BYTES:
        if wanted.shape:
            _refuse(place, tensor, ((at, value) for at, value in enumerate(values) if type(value) is not str))
        return _shaped(values, shape)
    if wanted.field is not None and not wanted.shape:
        return values
    return _numbers(place, tensor, wanted.datatype, values).reshape(shape)


def _parsed(data: Any) -> Any:
    try:
        return msgspec.json.decode(data if isinstance(data, Raw) else b"null")
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Unreadable(f"The data of an input cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise Unreadable("The request is not UTF-8.") from error


def _flat(place: int, tensor: InputTensor, data: Any) -> list[Any]:
    """The elements in row-major order, of data that is flat or nested as its shape says."""
    count = math.prod(tensor.shape)
    if type(data) is not list:
        problem = Problem("type", "an array", _got(data), f"/inputs/{place}/data", field=tensor.name)
        raise Invalid("The data of an input is no array.", problems=[problem])
    if list not in set(map(type, data)) and (data or not count):
        if len(data) != count:
            raise _wrong_count(place, tensor, len(data))
        return data
    items = data
    if len(items) != tensor.shape[0]:
        raise _wrong_count(place, tensor, len(items))
    for size in tensor.shape[1:]:
        if any(type(item) is not list or len(item) != size for item in items):
            raise _wrong_count(place, tensor, None)
        items = list(chain.from_iterable(items))
    if list in set(map(type, items)):
        raise _wrong_count(place, tensor, None)
    return items


def _numbers(place: int, tensor: InputTensor, datatype: str, values: list[Any]) -> NDArray[Any]:
    """Numbers of a tensor, not rounded yet; null is NaN where the datatype has one."""
    kinds, dtype = set(map(type, values)), NUMBERS[datatype]
    allowed = _ALLOWED.get(dtype.kind, {int, float})
    if not kinds <= allowed:
        _refuse(place, tensor, ((at, value) for at, value in enumerate(values) if type(value) not in allowed))
    if dtype.kind == "f":
        try:
            return np.array(values, np.float64)
        except OverflowError:  # A whole number beyond all doubles.
            _refuse(place, tensor, ((at, it) for at, it in enumerate(values) if type(it) is int and abs(it) > _LARGEST))
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if float in kinds:
            _refuse(place, tensor, ((at, it) for at, it in enumerate(values) if it != it // 1))
            values = [int(value) for value in values]
        if values and not (limits.min <= min(values) and max(values) <= limits.max):
            _refuse(place, tensor, ((at, it) for at, it in enumerate(values) if not limits.min <= it <= limits.max))
    return np.array(values, dtype)


def _refuse(place: int, tensor: InputTensor, faults: Iterator[tuple[int, Any]]) -> None:
    """Raise Invalid for the first few elements that are not of the datatype, if there are any."""
    per_instance = math.prod(tensor.shape[1:])
    problems = [
        Problem(
            "null" if value is None else "type",
            tensor.datatype,
            _got(value),
            f"/inputs/{place}/data/{at}",
            at // per_instance,
            tensor.name,
        )
        for at, value in islice(faults, _MOST_TOLD)
    ]
    if problems:
        raise Invalid("Values are not of the datatype.", problems=problems)


def _shaped(values: list[Any], shape: Sequence[int]) -> NDArray[Any] | list[Any]:
    """Objects as an array of that shape; a plain list where each instance has one."""
    if len(shape) == 1:
        return values
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array.reshape(shape)


def _wrong_count(place: int, tensor: InputTensor, found: int | None) -> Invalid:
    shape = str(tensor.shape)[:_LIMIT_OF_GOT]
    got = "other lengths" if found is None else str(found)
    expected = f"as many elements as the shape {shape} has"
    problem = Problem("shape", expected, got, f"/inputs/{place}/data", field=tensor.name)
    return Invalid("The data of an input does not fit its shape.", problems=[problem])


def _got(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if isinstance(value, int) and abs(value) > 2**64:
        return "a number out of range"
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LIMIT_OF_GOT else text[: _LIMIT_OF_GOT - 1] + "…"
