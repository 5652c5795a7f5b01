"""Runner: asks a tensor model once for a whole Batch, or once an instance, as its instances are."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.errors import Invalid, Problem
from mlserve.signature import Batch, OutputField
from mlserve.tensors.feeds import Feed
from mlserve.tensors.form import Mode

# The model itself: from the arrays of its inputs to those of its outputs, in their order.
Run = Callable[[Sequence[NDArray[Any]]], Sequence[NDArray[Any]]]

_EMPTY: Final = "tensors without a size of 0"


class Runner:
    """`runner(batch)` gives one array (n, *shape) for each output, an object array (n,) where the sizes differ.

    `outputs` are the model's own. Where `takes_empty` is False, a tensor that holds nothing is refused.
    """

    def __init__(
        self,
        run: Run,
        mode: Mode,
        feeds: Sequence[Feed],
        outputs: Sequence[OutputField],
        *,
        takes_empty: bool = True,
    ) -> None:
        self._run, self._mode, self._feeds, self._outputs = run, mode, feeds, outputs
        self._takes_empty = takes_empty

    def __call__(self, batch: Batch) -> list[NDArray[Any]]:
        """Raises Invalid for an empty tensor where the model takes none, ValueError for answers of other lengths."""
        arrays = [feed(batch) for feed in self._feeds]
        if not self._takes_empty:
            _require_contents(arrays, batch.n)
        if self._mode == "rows":
            ragged = [array for array in arrays if _is_ragged(array)]
            if not ragged:
                return self._rows(arrays, batch.n)
            return self._by_size(_groups(ragged, batch.n), arrays, batch.n)
        answers = [self._single([np.asarray(array[at]) for array in arrays]) for at in range(batch.n)]
        return self._gathered(zip(*answers, strict=True))

    def _rows(self, arrays: Sequence[NDArray[Any]], n: int) -> list[NDArray[Any]]:
        answers = [np.asarray(answer) for answer in self._run(arrays)]
        for field, answer in zip(self._outputs, answers, strict=True):
            if answer.ndim == 0 or len(answer) != n:
                raise ValueError(f"the model's output {field.name!r} has the shape {answer.shape} for {n} instances")
        return answers

    def _by_size(self, groups: Sequence[Sequence[int]], arrays: Sequence[NDArray[Any]], n: int) -> list[NDArray[Any]]:
        """Instances of the same sizes are one run."""
        found: list[list[Any]] = [[None] * n for _ in self._outputs]
        for places in groups:
            some = [np.stack([array[at] for at in places]) for array in arrays]
            for column, answer in zip(found, self._rows(some, len(places)), strict=True):
                for at, item in zip(places, answer, strict=True):
                    column[at] = item
        return self._gathered(found)

    def _single(self, values: Sequence[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        if self._mode == "one":
            return [answer[0] for answer in self._rows([value[None] for value in values], 1)]
        return self._run(values)

    def _gathered(self, columns: Iterable[Sequence[Any]]) -> list[NDArray[Any]]:
        return [_gather(column, field.varies) for column, field in zip(columns, self._outputs, strict=True)]


def _is_ragged(array: NDArray[Any]) -> bool:
    """An object array of arrays; one of texts is none."""
    return array.dtype == object and array.ndim == 1 and len(array) > 0 and isinstance(array[0], np.ndarray)


def _groups(ragged: Sequence[NDArray[Any]], n: int) -> list[list[int]]:
    groups: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for at in range(n):
        groups.setdefault(tuple(array[at].shape for array in ragged), []).append(at)
    return list(groups.values())


def _require_contents(arrays: Sequence[NDArray[Any]], n: int) -> None:
    ragged = [array for array in arrays if _is_ragged(array)]
    for at in range(n if ragged else 0):  # A size that is fixed is never 0.
        if any(array[at].size == 0 for array in ragged):
            problem = Problem("shape", _EMPTY, instance=at)
            raise Invalid("The model takes no tensors that hold nothing.", problems=[problem])


def _gather(answers: Sequence[Any], varies: bool) -> NDArray[Any]:
    if not varies:
        return np.stack([np.asarray(answer) for answer in answers])
    gathered = np.empty(len(answers), object)  # Filled one by one: numpy would stack arrays of one size.
    for at, answer in enumerate(answers):
        gathered[at] = np.asarray(answer)
    return gathered
