"""What a model answers: which of its methods gives which output, and in which type and shape."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from mlserve.errors import SignatureError
from mlserve.signature import FieldType, OutputField, Signature

LABEL: Final = "label"
PROBABILITY: Final = "probability"
DECISION: Final = "decision"
VALUE: Final = "value"
CLUSTER: Final = "cluster"
SCORE: Final = "score"
OUTPUT: Final = "output"
NAMES: Final = (LABEL, PROBABILITY, DECISION, VALUE, CLUSTER, SCORE, OUTPUT)
_TYPES: Final[dict[str, FieldType]] = {
    "bool": "bool",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "float16": "float16",
    "float32": "float32",
    "float64": "float64",
}


def methods_of(model: Any) -> dict[str, str]:
    """Every output that the model can give, by name, with the method that gives it."""
    from sklearn.base import is_classifier, is_outlier_detector, is_regressor
    from sklearn.utils import get_tags

    found: dict[str, str] = {}
    if is_classifier(model):
        found = {LABEL: "predict", PROBABILITY: "predict_proba", DECISION: "decision_function"}
    elif is_outlier_detector(model):
        found = {LABEL: "predict", SCORE: "decision_function"}
    elif is_regressor(model):
        found = {VALUE: "predict"}
    elif hasattr(model, "predict"):
        kind = get_tags(model).estimator_type
        found = {CLUSTER if kind in ("clusterer", "density_estimator") else VALUE: "predict"}
        found[PROBABILITY] = "predict_proba"
    else:
        found = {SCORE: "score_samples", OUTPUT: "transform"}
    return {name: method for name, method in found.items() if hasattr(model, method)}


def useful(methods: dict[str, str], wanted: Collection[str] = ()) -> dict[str, str]:
    """The outputs that are `wanted`, as far as the model has them; else all but a decision beside a probability."""
    asked = {name: method for name, method in methods.items() if name in wanted}
    if asked:
        return asked
    return {name: method for name, method in methods.items() if name != DECISION or PROBABILITY not in methods}


def outputs_of(model: Any, converted: Any, wanted: Collection[str] = ()) -> tuple[OutputField, ...]:
    """The outputs with the types and shapes of the model's answers to `converted`, one instance.

    Raises whatever the library does of an instance that it cannot take.
    """
    fields: list[OutputField] = []
    for name, method in useful(methods_of(model), wanted).items():
        answer = getattr(model, method)(converted)
        if isinstance(answer, list):  # Of several outputs, each with classes of its own.
            fields += [_field(f"{name}_{at}", part, classes_of(model, at)) for at, part in enumerate(answer)]
        else:
            fields.append(_field(name, dense(answer), classes_of(model)))
    return tuple(fields)


def classes_of(model: Any, at: int | None = None) -> list[Any] | None:
    """The classes of a classifier in its order; of the output `at` where it has several; None where there are none."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return None
    several = isinstance(classes, list)
    if at is not None:
        return list(np.asarray(classes[at]).tolist()) if several and at < len(classes) else None
    return None if several else list(np.asarray(classes).tolist())


def dense(answer: Any) -> Any:
    """An array of what a method answers, which may be sparse or a data frame."""
    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)


@dataclass(frozen=True)
class _Source:
    """Where an output comes from.

    `numbers` (classes,) are the numbers among the output's categories of the model's classes in their order; None where
    there are none, or where both have them in one order and by the same names. `classes` are the classes of a label.
    """

    field: OutputField
    method: str
    part: int | None = None
    classes: Any = None
    numbers: Any = None


class Outputs:
    """Gives a signature's outputs. Raises SignatureError where the model has no such answer."""

    def __init__(self, model: Any, signature: Signature) -> None:
        methods = methods_of(model)
        self._sources = [_source(model, methods, field) for field in signature.outputs]
        self._front, self._model = _parted(model)

    def __call__(self, converted: Any) -> dict[str, np.ndarray]:
        answers: dict[str, Any] = {}
        found = {}
        if self._front is not None:
            converted = self._front.transform(converted)
        for source in self._sources:
            if source.method not in answers:
                answers[source.method] = getattr(self._model, source.method)(converted)
            answer = answers[source.method]
            answer = dense(answer if source.part is None else answer[source.part])
            found[source.field.name] = _shaped(source, answer)
        return found

    def require_fitting(self, converted: Any) -> None:
        """Raises SignatureError where the answer to one instance has another shape or type than its output.

        Raises what the library does of an instance that it cannot take.
        """
        answers = self(converted)
        for source in self._sources:
            field, array = source.field, answers[source.field.name]
            if array.shape[1:] != field.shape:
                raise SignatureError(
                    f"The output {field.name!r} has the shape {list(array.shape[1:])}, not {list(field.shape)}."
                )
            texts = array.dtype.kind in "OUS"
            if texts != (field.type in ("string", "text")) and field.type != "category":
                raise SignatureError(f"The output {field.name!r} is of type {array.dtype}, not {field.type}.")


def _parted(model: Any) -> tuple[Any, Any]:
    """A pipeline's steps in front of its last one, which is asked for each output while they are gone through once.

    Each of its methods does nothing else. Of any other model there is nothing in front.
    """
    from sklearn.pipeline import Pipeline

    if type(model) is not Pipeline or len(model.steps) < 2 or model.steps[-1][1] in (None, "passthrough"):
        return None, model
    return model[:-1], model.steps[-1][1]


def _field(name: str, answer: Any, classes: Sequence[Any] | None) -> OutputField:
    answer = np.asarray(answer)
    shape = tuple(answer.shape[1:])
    named = tuple(classes) if classes and all(isinstance(value, str) for value in classes) else ()
    if answer.dtype.kind in "OUS":
        if named and not shape:
            return OutputField(name, "category", categories=named)
        return OutputField(name, "string", shape=shape)
    kind = _TYPES.get(answer.dtype.name)
    if kind is None:
        raise SignatureError(f"The output {name!r} is of type {answer.dtype}, which no output can have.")
    if shape != (len(named),) or answer.dtype.kind != "f":
        named = ()
    return OutputField(name, cast(Any, kind), shape=shape, categories=named)


def _source(model: Any, methods: dict[str, str], field: OutputField) -> _Source:
    name, _, number = field.name.rpartition("_")
    if name in methods and number.isdecimal():
        return _columns(field, methods[name], classes_of(model, int(number)), int(number))
    method = methods.get(field.name)
    if method is None and field.type == "category" and "predict" in methods.values():
        method = "predict"
    if method is None and field.name not in NAMES:
        method = next(iter(methods.values()), None)
    if method is None:
        raise SignatureError(f"The model has no output {field.name!r}; it has {', '.join(methods) or 'none'}.")
    classes = classes_of(model)
    if field.threshold is not None:
        if PROBABILITY not in methods or classes is None or len(classes) != 2:
            raise SignatureError(
                f"The output {field.name!r} has a threshold, and the model no probability of two classes."
            )
        return _Source(field, "predict_proba", numbers=np.array(numbers_of(field, classes)))
    if field.type != "category" or method != "predict":
        return _columns(field, method, classes)
    if classes is None or len(classes) != len(field.categories):
        raise SignatureError(
            f"The output {field.name!r} has {len(field.categories)} categories, and the model "
            f"{'no' if classes is None else len(classes)} classes."
        )
    if list(field.categories) == classes:
        return _Source(field, method)
    return _Source(field, method, classes=np.array(classes), numbers=np.array(numbers_of(field, classes)))


def _columns(field: OutputField, method: str, classes: Sequence[Any] | None, part: int | None = None) -> _Source:
    """An output that is the method's answer, whose columns are classes where it names them."""
    if classes is None or field.shape != (len(classes),) or len(field.categories) != len(classes):
        return _Source(field, method, part)
    numbers = numbers_of(field, classes)
    return _Source(field, method, part, numbers=None if numbers == [*range(len(classes))] else np.array(numbers))


def numbers_of(field: OutputField, classes: Sequence[Any]) -> list[int]:
    """The number among an output's categories of each class in the model's order.

    Categories are the classes by their names, or new names of them in their order. Raises SignatureError where they are
    some of both, so that one class would have another's name.
    """
    words = [str(value) for value in classes]
    if not field.categories:
        return [*range(len(words))]
    if sorted(words) == sorted(field.categories):
        return [field.categories.index(word) for word in words]
    if moved := [word for at, word in enumerate(words) if word in field.categories and field.categories[at] != word]:
        raise SignatureError(
            f"The output {field.name!r} gives the name of the class {moved[0]!r} to another one: the classes are "
            f"{', '.join(words[:5])}."
        )
    return [*range(len(words))]


def _shaped(source: _Source, answer: Any) -> np.ndarray:
    field = source.field
    if field.threshold is not None:
        return np.asarray(source.numbers[(answer[:, 1] >= field.threshold).astype(np.int64)])
    if source.classes is not None:
        order = np.argsort(source.classes)
        return np.asarray(source.numbers[order][np.searchsorted(source.classes, answer, sorter=order)])
    if source.numbers is not None:
        return np.asarray(answer[:, np.argsort(source.numbers)])
    if answer.dtype.kind in "US":
        answer = answer.astype(object)
    if not field.shape and answer.ndim == 2 and answer.shape[1] == 1:
        answer = answer[:, 0]
    return np.asarray(answer)
