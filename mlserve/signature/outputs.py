"""OutputEncoder: from a predictor's arrays to the JSON of the answer and of the log."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mlserve.errors import PredictionFailed
from mlserve.signature.batch import DTYPES
from mlserve.signature.fields import OutputField, Signature
from mlserve.signature.packing import contiguous
from mlserve.signature.texts import ArrayTemplate, Texts, array_json, flat_texts, item_texts

Warnings = list[dict[str, Any]]


class OutputEncoder:
    """Encodes outputs as a JSON array of objects by output name; built once when the version is loaded.

    Floats are the shortest text that round-trips in the output's type. A number that JSON cannot write (NaN or
    infinite) is null, with a warning.
    """

    def __init__(self, signature: Signature) -> None:
        self._writers = {field.name: _writer(field) for field in signature.outputs}
        self._template = ArrayTemplate([(name, writer.keys) for name, writer in self._writers.items()])

    def encode(self, outputs: Mapping[str, NDArray[Any]], n: int) -> tuple[bytes, Warnings]:
        """The JSON text of `n` objects, and the warnings; `outputs` are arrays (n, *shape) of all outputs.

        Labels come as texts, or as whole numbers that count the output's categories from 0.
        Raises PredictionFailed when the arrays are not what the signature and the Batch of `n` instances ask for.
        """
        if outputs.keys() != self._writers.keys():
            found, wanted = sorted(outputs), sorted(self._writers)
            raise PredictionFailed(f"The predictor answered the outputs {found}, and the signature names {wanted}.")
        width = self._template.width
        texts: Texts = [b""] * (n * width)
        warnings: Warnings = []
        slot = 0
        for name, writer in self._writers.items():
            array = np.asarray(outputs[name])
            if array.shape != (n, *writer.field.shape):
                raise PredictionFailed(
                    f"The predictor answered shape {array.shape} for output '{name}', not {(n, *writer.field.shape)}."
                )
            written = writer.texts(array, warnings)
            count = writer.count
            if n == 1:
                texts[slot : slot + count] = written
            else:
                for offset in range(count):
                    texts[slot + offset :: width] = written[offset::count]
            slot += count
        return self._template.fill(texts) if width else self._template.empty(n), warnings


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
        json = array_json(converted)
        if b"null" in json:
            self._warn(converted, ~np.isfinite(converted), warnings)
        return flat_texts(json) if self.keys else item_texts(json, array.ndim - 1)

    def _texts_of_floats(self, array: NDArray[Any], warnings: Warnings) -> Texts:
        """A whole number or truth value that came as a float: NaN has no value of its own type, so it is null."""
        missing = ~np.isfinite(array)
        self._warn(array, missing, warnings)
        json = array_json(contiguous(np.where(missing, 0, array), self._dtype))
        if not self.keys and array.ndim > 1:
            return self._blanked(item_texts(json, array.ndim - 1), missing)
        return self._blanked(flat_texts(json), missing)

    def _blanked(self, texts: Texts, missing: NDArray[np.bool_]) -> Texts:
        places = missing.reshape(len(texts), -1).any(axis=1)
        for place in np.flatnonzero(places):
            texts[place] = b"null"
        return texts

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
        values = array.tolist()
        if self.field.shape:
            return [orjson.dumps(self._named(value)) for value in values]
        try:
            if array.dtype.kind in "iub":
                return [self._by_code[value] for value in values]
            if self.field.type == "category":
                return [self._by_name[value] for value in values]
        except KeyError as error:
            raise self._unknown(error) from error
        return [orjson.dumps(value) for value in values]

    def _named(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._named(item) for item in value]
        if isinstance(value, int):
            try:
                return self.field.categories[self._code(value)]
            except IndexError as error:
                raise self._unknown(error) from error
        return value

    def _code(self, value: int) -> int:
        if value < 0:
            raise IndexError(value)  # Python would count from the end.
        return value

    def _unknown(self, error: Exception) -> PredictionFailed:
        return PredictionFailed(
            f"The predictor answered a label of output '{self.field.name}' that the signature does not name: {error}."
        )


def _writer(field: OutputField) -> _Writer:
    return _TextWriter(field) if field.type in {"string", "category"} else _NumberWriter(field)
