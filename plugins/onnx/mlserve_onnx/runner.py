"""How a session is asked: the model's input arrays in, its output arrays out."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import OutputField
from mlserve.tensors import Run
from mlserve_onnx import bfloat
from mlserve_onnx.form import Form

_MAP: Final = "seq(map("
_INT_KEYS: Final = "seq(map(int64,"


def run_of(session: Any, form: Form) -> Run:
    """Runs the session; the maps of scikit-learn's converters come as one float for each of their keys."""
    inputs, names = [value.name for value in form.inputs], [value.name for value in form.outputs]
    if any(value.element == "bfloat16" for value in (*form.inputs, *form.outputs)):
        plain = bfloat.runs(session, form.inputs, form.outputs)
    else:
        plain = _plain(session, inputs, names)
    keys = {
        place: _keys(value.type, field)
        for place, (value, field) in enumerate(zip(form.outputs, form.signature.outputs, strict=True))
        if value.type.startswith(_MAP)
    }

    def run(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        answers = plain(arrays)
        for place, names in keys.items():
            answers[place] = _scores(answers[place], names)
        return [np.asarray(answer) for answer in answers]

    return run


def _plain(session: Any, inputs: Sequence[str], names: Sequence[str]) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda arrays: list(session.run(names, dict(zip(inputs, arrays, strict=True))))


def _keys(type_: str, field: OutputField) -> Sequence[Any]:
    return [int(key) for key in field.categories] if type_.startswith(_INT_KEYS) else field.categories


def _scores(maps: Sequence[Any], keys: Sequence[Any]) -> NDArray[np.float32]:
    return np.array([[row[key] for key in keys] for row in maps], np.float32).reshape(len(maps), len(keys))
