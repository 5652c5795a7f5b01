"""How a version looks to the protocol: its tensors by name, datatype and shape, from its signature."""

from collections.abc import Collection, Iterator
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson

from mlserve.inference import LoadedVersion
from mlserve.models import Signatures, unknown_model
from mlserve.signature import Field, OutputField, Signature
from mlserve_oip.datatypes import datatype_of

KEY: Final = "mlserve.oip.matrix"
# What stands there for every model that can be presented so.
ALL: Final = "*"
MATRIX: Final = "input"
# Of these every value is a float32; of all others the matrix is of float64.
_OF_FP32: Final = frozenset({"bool", "int8", "int16", "uint8", "uint16", "float16", "float32"})
_WITHOUT_NUMBER: Final = frozenset({"string", "category", "text", "bytes", "image"})


class Tensor:
    """One tensor, whose first size is the number of instances and -1; `shape` are the others, -1 any of them.

    `field` is None where the tensor is the matrix of all fields. A tensor of shape () is also taken as one of (1,).
    """

    __slots__ = ("datatype", "field", "head", "key", "name", "shape")

    def __init__(self, name: str, datatype: str, shape: tuple[int, ...], field: Field | OutputField | None) -> None:
        self.name = name
        self.datatype = datatype
        self.shape = shape
        self.field = field
        self.key = orjson.dumps(name) + b":"  # in an object
        self.head = orjson.dumps({"name": name, "datatype": datatype})[:-1]  # of a tensor's JSON

    def described(self) -> dict[str, Any]:
        """As the metadata of a model tell of it."""
        return {"name": self.name, "datatype": self.datatype, "shape": [-1, *self.shape]}


class Presentation:
    """The tensors of one version, in the order of its signature.

    `is_matrix`: there is one input, of all fields; only of a model that `may_be_matrix`.
    """

    def __init__(self, signature: Signature, *, is_matrix: bool) -> None:
        self.may_be_matrix = is_numeric(signature)
        self.is_matrix = is_matrix = is_matrix and self.may_be_matrix
        if is_matrix:
            wide = any(field.type not in _OF_FP32 for field in signature.inputs)
            shape = (len(signature.inputs),)
            self.inputs: dict[str, Tensor] = {MATRIX: Tensor(MATRIX, "FP64" if wide else "FP32", shape, None)}
        else:
            self.inputs = {it.name: Tensor(it.name, datatype_of(it), it.nesting, it) for it in signature.inputs}
        self.outputs = outputs_of(signature)
        self.required = frozenset({MATRIX} if is_matrix else {it.name for it in signature.inputs if it.required})
        # Then a body of flat lists is one of columns, as our own resources take it.
        self.is_flat = not is_matrix and not any(field.nesting for field in signature.inputs)


class Presentations:
    """Of every version that was asked for, as long as it is loaded. `matrices` is the setting mlserve.oip.matrix."""

    def __init__(self, matrices: Collection[str]) -> None:
        self._matrices = frozenset(matrices)
        self._made: WeakKeyDictionary[LoadedVersion, Presentation] = WeakKeyDictionary()

    def of(self, loaded: LoadedVersion) -> Presentation:
        """The presentation of a version; made once, and twice at most where two threads ask first."""
        made = self._made.get(loaded)
        if made is None:
            wanted = ALL in self._matrices or loaded.lineage.model in self._matrices
            made = Presentation(loaded.signature, is_matrix=wanted)
            self._made[loaded] = made
        return made


def outputs_of(signature: Signature) -> dict[str, Tensor]:
    """The tensors that a version answers, by name."""
    return {it.name: Tensor(it.name, datatype_of(it), it.shape, it) for it in signature.outputs}


def is_numeric(signature: Signature) -> bool:
    """Whether each instance is a row of numbers: no texts, no categories, no tensors."""
    return _first_other(signature) is None


def misnamed(matrices: Collection[str], models: Signatures) -> Iterator[str]:
    """What is wrong with the names in the INI: which is no model, and which has an input that is no number."""
    for name in matrices:
        if name == ALL:
            continue
        if name not in models:
            yield unknown_model(KEY, name, models)
            continue
        others = (_first_other(signature) for signature in models[name].values() if signature is not None)
        field = next((field for field in others if field is not None), None)
        if field is not None:
            kind = f"a tensor of {field.type}" if field.shape else field.type
            yield f"{KEY} names {name!r}, whose input {field.name!r} is {kind}: it is no matrix and keeps its fields."


def _first_other(signature: Signature) -> Field | None:
    """The first input that is no single number."""
    return next((it for it in signature.inputs if it.shape or it.type in _WITHOUT_NUMBER), None)


def presentations_of(request: Any) -> Presentations:
    """Those of the application."""
    found: Presentations = request.registry[__name__]
    return found
