"""OutputEncoder: from a predictor's arrays to the JSON of the answer and of the log."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mlserve.errors import PredictionFailed
from mlserve.signature.base64 import write_base64
from mlserve.signature.batch import DTYPES
from mlserve.signature.fields import BINARY, PLAIN_FLOATS, TEXTS, OutputField, Signature, takes_shape
from mlserve.signature.packing import contiguous
from mlserve.signature.texts import ArrayTemplate, Texts, array_json, flat_texts, item_texts

Warnings = list[dict[str, Any]]


def rows_of(field: OutputField, answered: Any) -> NDArray[Any]:
    """What a predictor answered for one output, with the instances along its first axis.

    Where their sizes may differ it is an object array (n,) of arrays, in whichever form they came.
    """
    if not field.varies:
        return np.asarray(answered)
    rows = np.empty(len(answered), np.object_)
    for at, item in enumerate(answered):
        rows[at] = item if isinstance(item, np.ndarray) else _array(field, item)
    return rows


def values_of(field: OutputField, answered: Any) -> NDArray[Any]:
    """All values that a predictor answered for one output, in an array of one axis."""
    rows = rows_of(field, answered)
    return np.concatenate([row.ravel() for row in rows]) if field.varies and len(rows) else rows.ravel()


class OutputEncoder:
    """Encodes outputs as a JSON array of objects by output name; built once when the version is loaded.

    Floats are the shortest text that round-trips in the output's type. A number that JSON cannot write (NaN or
    infinite) is null, with a warning.
    """

    def __init__(self, signature: Signature) -> None:
        self._writers = {field.name: _writer(field) for field in signature.outputs}
        self._template = ArrayTemplate([(name, writer.keys) for name, writer in self._writers.items()])
        plain = all(field.type in PLAIN_FLOATS and not field.shape for field in signature.outputs)
        self._plain = {field.name: np.dtype(DTYPES[field.type]) for field in signature.outputs} if plain else None

    def encode(self, outputs: Mapping[str, Any], n: int) -> tuple[bytes, Warnings]:
        """The JSON text of `n` objects, and the warnings; `outputs` are arrays (n, *shape) of all outputs.

        Where the instances' sizes may differ, an output may be an object array or a list of n arrays too. Labels come
        as texts, or as whole numbers that count the output's categories from 0.
        Raises PredictionFailed when the arrays are not what the signature and the Batch of `n` instances ask for.
        """
        if n == 1 and self._plain is not None and (text := self._one_plain(self._plain, outputs)) is not None:
            return text, []
        if outputs.keys() != self._writers.keys():
            found, wanted = sorted(outputs), sorted(self._writers)
            raise PredictionFailed(f"The predictor answered the outputs {found}, and the signature names {wanted}.")
        width = self._template.width
        texts: Texts = [b""] * (n * width)
        warnings: Warnings = []
        slot = 0
        for name, writer in self._writers.items():
            if writer.field.varies:
                written = _varying_texts(writer, outputs[name], n, warnings)
            else:
                given = outputs[name]
                array = given if isinstance(given, np.ndarray) else _array(writer.field, given)
                if array.shape != (n, *writer.field.shape):
                    raise _misshapen(writer.field, array.shape, n)
                written = writer.texts(array, warnings)
            count = writer.count
            if n == 1:
                texts[slot : slot + count] = written
            else:
                for offset in range(count):
                    texts[slot + offset :: width] = written[offset::count]
            slot += count
        return self._template.fill(texts) if width else self._template.empty(n), warnings

    def _one_plain(self, dtypes: Mapping[str, Any], outputs: Mapping[str, Any]) -> bytes | None:
        """The text of one instance's floats, nearly always; None where anything is out of the usual."""
        if outputs.keys() != dtypes.keys():
            return None
        numbers = {}
        for name, dtype in dtypes.items():
            array = outputs[name]
            if type(array) is not np.ndarray or array.dtype != dtype or array.shape != (1,):
                return None
            numbers[name] = array[0]
        text = orjson.dumps([numbers], option=orjson.OPT_SERIALIZE_NUMPY)
        return None if b":null" in text else text


class _Writer:
    """Writes one output; `count` texts for each instance, under `keys` when the output is an object."""

    def __init__(self, field: OutputField) -> None:
        self.field = field
        self.keys = field.categories if field.shape and field.type != "category" else ()
        self.count = len(self.keys) or 1

    def texts(self, array: NDArray[Any], warnings: Warnings) -> Texts:
        raise NotImplementedError


class _NumberWriter(_Writer):
    def __init__(self, field: OutputField) -> None:
        super().__init__(field)
        self._dtype = DTYPES[field.type]
        self._of_floats = np.dtype(self._dtype).kind == "f"

    def texts(self, array: NDArray[Any], warnings: Warnings) -> Texts:
        if not self._of_floats and array.dtype.kind == "f":
            return self._texts_of_floats(array, warnings)
        converted = contiguous(array, self._dtype)
        if array.dtype != converted.dtype and not self._of_floats:
            self._require_same(array, converted)
        json = array_json(converted)
        if b"null" in json:
            self._warn(converted, ~np.isfinite(converted), warnings)
        return self._items(json, array)

    def _items(self, json: bytes, array: NDArray[Any]) -> Texts:
        if self.keys:
            return flat_texts(json)
        return [json[1:-1]] if len(array) == 1 else item_texts(json, array.ndim - 1)

    def _texts_of_floats(self, array: NDArray[Any], warnings: Warnings) -> Texts:
        """Whole numbers or truth values that came as floats: NaN has no value of their type, so it is null."""
        missing = ~np.isfinite(array)
        self._warn(array, missing, warnings)
        present = np.where(missing, 0, array)
        with np.errstate(invalid="ignore"):
            converted = contiguous(present, self._dtype)
        self._require_same(present, converted)
        if not missing.any():
            return self._items(array_json(converted), array)
        values = converted.astype(np.object_)
        values[missing] = None
        return self._items(orjson.dumps(values.tolist()), array)

    def _require_same(self, array: NDArray[Any], converted: NDArray[Any]) -> None:
        """Refuse numbers that the output's type does not hold: they would be answered as others."""
        if array.dtype.kind not in "iufb" or (self.field.type != "bool" and not np.array_equal(array, converted)):
            raise PredictionFailed(
                f"The predictor answered {array.dtype} for output '{self.field.name}', with what is no "
                f"{self.field.type}."
            )

    def _warn(self, array: NDArray[Any], missing: NDArray[np.bool_], warnings: Warnings) -> None:
        """One warning for each instance that has such a number, with the first one."""
        by_instance = missing.reshape(len(array), -1)
        values = array.reshape(len(array), -1)
        for instance in np.flatnonzero(by_instance.any(axis=1)).tolist():
            value = float(values[instance][by_instance[instance]][0])
            warnings.append(
                {"output": self.field.name, "instance": instance, "code": "non_finite", "value": str(value)}
            )


class _TextWriter(_Writer):
    """A string or a label: the text itself, or the category that a whole number counts."""

    def __init__(self, field: OutputField) -> None:
        super().__init__(field)
        self._by_name = {name: orjson.dumps(name) for name in field.categories}
        # A dictionary: a list would count negative codes from its end.
        self._by_code = dict(enumerate(self._by_name.values()))

    def texts(self, array: NDArray[Any], warnings: Warnings) -> Texts:
        try:
            return self._texts(array)
        except (TypeError, AttributeError) as error:
            raise PredictionFailed(
                f"The predictor answered something for output '{self.field.name}' that is no text."
            ) from error

    def _texts(self, array: NDArray[Any]) -> Texts:
        values = array.tolist()
        try:
            if not self.field.shape and array.dtype.kind in "iub":
                return [self._by_code[value] for value in values]
            return [self._text(value) for value in values]
        except KeyError as error:
            raise self._unknown(error) from error

    def _text(self, value: Any) -> bytes:
        if isinstance(value, str):
            return self._by_name[value] if self.field.type == "category" else orjson.dumps(value)
        if isinstance(value, list):
            return b"[" + b",".join(map(self._text, value)) + b"]"
        if isinstance(value, int):
            return self._by_code[value]
        raise TypeError(type(value))

    def _unknown(self, error: Exception) -> PredictionFailed:
        return PredictionFailed(
            f"The predictor answered a label of output '{self.field.name}' that the signature does not name: {error}."
        )


class _BytesWriter(_Writer):
    """Bytes as base64."""

    def texts(self, array: NDArray[Any], warnings: Warnings) -> Texts:
        return [self._text(value) for value in array.tolist()]

    def _text(self, value: Any) -> bytes:
        if isinstance(value, list):
            return b"[" + b",".join(map(self._text, value)) + b"]"
        if not isinstance(value, bytes):
            raise PredictionFailed(
                f"The predictor answered a {type(value).__name__} for output '{self.field.name}', not bytes."
            )
        return b'"' + write_base64(value) + b'"'


def _writer(field: OutputField) -> _Writer:
    if field.type == "bytes":
        return _BytesWriter(field)
    return _TextWriter(field) if field.type in TEXTS else _NumberWriter(field)


def _varying_texts(writer: _Writer, answered: Any, n: int, warnings: Warnings) -> Texts:
    """The texts of an output whose instances may be of different sizes, one instance after the other."""
    field = writer.field
    found = (len(answered),) if isinstance(answered, list) else np.shape(answered)
    if found[:1] != (n,):
        raise _misshapen(field, found, n)
    texts: Texts = []
    for instance, item in enumerate(answered):
        array = item if isinstance(item, np.ndarray) else _array(field, item)
        if not takes_shape(field.shape, array.shape):
            raise _misshapen(field, (n, *array.shape), n)
        told: Warnings = []
        texts += writer.texts(array[np.newaxis], told)
        warnings += [{**warning, "instance": instance} for warning in told]
    return texts


def _array(field: OutputField, answered: Any) -> NDArray[Any]:
    """The array of lists."""
    try:
        if field.type not in TEXTS | BINARY:
            return np.asarray(answered)
        # Of its own accord numpy makes bytes as long as the longest and cuts off NUL.
        array = np.asarray(answered, np.object_)
        codes = array.size > 0 and not isinstance(array.flat[0], str | bytes)
        return np.asarray(answered) if codes else array
    except (TypeError, ValueError) as error:
        raise PredictionFailed(f"The predictor answered no array for output '{field.name}': {error}.") from error


def _misshapen(field: OutputField, found: tuple[int, ...], n: int) -> PredictionFailed:
    return PredictionFailed(f"The predictor answered shape {found} for output '{field.name}', not {(n, *field.shape)}.")
