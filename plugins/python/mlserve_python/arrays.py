"""Between a Batch and what people's own code takes and gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlserve.errors import PredictionFailed
from mlserve.inference import Explanation
from mlserve.signature import Batch, OutputField, Signature


def inputs_of(batch: Batch) -> dict[str, np.ndarray]:
    """Each input's array (n, *shape). Missing is NaN among floats, and None in an object array of all others."""
    return {field.name: _column(batch, field.name, field.nullable) for field in batch.signature.inputs}


def _column(batch: Batch, name: str, nullable: bool) -> np.ndarray:
    array, missing = batch.column(name)
    if not nullable or array.dtype.kind in "fO":
        return array
    # Always, not only where one is missing: the code behind it must not meet another type once a year.
    objects = np.empty(batch.n, np.object_)
    for at in np.flatnonzero(~missing):
        objects[at] = array[at] if array.ndim > 1 else array[at].item()
    return objects


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    """Each instance as Python values by name, None where missing."""
    columns = [batch.values(name) for name in batch.signature.names]
    return [dict(zip(batch.signature.names, row, strict=True)) for row in zip(*columns, strict=True)]


def answer_of_rows(answers: Sequence[Any], signature: Signature, who: str) -> dict[str, Any]:
    """One array for each output of what `predict_one` has answered: dicts, or the values of the only output."""
    names = [output.name for output in signature.outputs]
    if len(names) == 1 and not any(isinstance(answer, Mapping) for answer in answers):
        return {names[0]: _stacked(answers)}
    for answer in answers:
        _require_names(answer, names, f"{who}.predict_one")
    return {name: _stacked([answer[name] for answer in answers]) for name in names}


def _stacked(values: Sequence[Any]) -> Any:
    try:
        return np.array(values)
    except ValueError:  # of different sizes
        return list(values)


def answer_of(answer: Any, signature: Signature, n: int, who: str) -> dict[str, Any]:
    """One array for each output. Raises PredictionFailed, saying what is wrong with which."""
    if isinstance(answer, dict):
        found = answer
    elif hasattr(answer, "columns") and hasattr(answer, "to_dict"):  # a data frame
        found = {str(name): answer[name].to_numpy() for name in answer.columns}
    elif len(signature.outputs) == 1:
        found = {signature.outputs[0].name: answer}
    else:
        found = answer
    _require_names(found, [output.name for output in signature.outputs], who)
    return {output.name: _fitting(found[output.name], output, n, who) for output in signature.outputs}


def _require_names(answer: Any, names: Sequence[str], who: str) -> None:
    if not isinstance(answer, Mapping):
        raise PredictionFailed(f"{who} answered {type(answer).__name__}, and not a dict of its outputs {list(names)}.")
    if set(answer) != set(names):
        raise PredictionFailed(
            f"{who} answered the outputs {sorted(map(str, answer))}, and the signature names {list(names)}."
        )


def _fitting(values: Any, output: OutputField, n: int, who: str) -> Any:
    if -1 in output.shape:
        return _sized(values, output, n, who)
    try:
        array = np.asarray(values)
    except Exception as error:
        raise PredictionFailed(f"{who} answered no array for the output {output.name!r}.") from error
    if array.shape != (n, *output.shape):
        raise PredictionFailed(
            f"{who} answered the shape {array.shape} for the output {output.name!r}, and not {(n, *output.shape)}."
        )
    if not _is_of_type(array, output):
        raise PredictionFailed(
            f"{who} answered {array.dtype} for the output {output.name!r}, whose type is {output.type}."
        )
    return array


def _sized(values: Any, output: OutputField, n: int, who: str) -> Any:
    """Arrays of different sizes: the core checks each."""
    try:
        count = len(values)
    except TypeError as error:
        raise PredictionFailed(f"{who} answered no arrays for the output {output.name!r}.") from error
    if count != n:
        raise PredictionFailed(f"{who} answered {count} arrays for the output {output.name!r}, and not {n}.")
    return values


def _is_of_type(array: np.ndarray, output: OutputField) -> bool:
    if output.type in ("string", "text", "bytes"):
        wanted = bytes if output.type == "bytes" else str
        kinds = "S" if output.type == "bytes" else "UT"
        return array.dtype.kind in kinds or (
            array.dtype.kind == "O" and all(isinstance(value, wanted) for value in array.flat)
        )
    if output.type == "category":  # a label, or its number
        return array.dtype.kind in "UTiu" or (
            array.dtype.kind == "O" and all(isinstance(value, str) for value in array.flat)
        )
    return array.dtype.kind in "biuf"


def explanation_of(answer: Any, n: int, who: str) -> Explanation:
    """An Explanation, or a dict of its parts: of one block without the axis of blocks, and `margin` added up.

    Raises PredictionFailed.
    """
    if isinstance(answer, Explanation):
        return answer
    try:
        contributions = np.asarray(answer["contributions"], np.float32)
        blocks = tuple(answer.get("blocks", (None,)))
        if contributions.ndim == 2:
            contributions = contributions[:, None, :]
        bias = np.broadcast_to(
            np.asarray(answer["bias"], np.float32).reshape(-1, len(blocks)), (n, len(blocks))
        ).astype(np.float32)
        margin = answer.get("margin")
        added = bias + contributions.sum(axis=2)
        whole = added if margin is None else np.asarray(margin, np.float32).reshape(n, len(blocks))
        return Explanation(str(answer["method"]), str(answer["scale"]), blocks, contributions, bias, whole)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise PredictionFailed(
            f"{who}.explain must answer a mlserve.inference.Explanation, or a dict of method, scale, bias and "
            f"contributions: {error!r}."
        ) from error
