"""What the predictors of trees share: who answers, the model's trees, and what is told of it."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Batch
from mlserve.trees.artefact import Artefact
from mlserve.trees.engines import EXACT, ONNX
from mlserve.trees.outputs import Outputs
from mlserve.trees.tree import Tree

Matrix = NDArray[Any]


class Forest(Protocol):
    """All trees of a model, by number."""

    @property
    def trees(self) -> tuple[Tree, ...]: ...


class Engine(Protocol):
    """What computes the answers (n, width) to a matrix (n, features), from many threads at once."""

    def predict(self, matrix: Any) -> Matrix: ...


class LibraryEngine(Engine, Protocol):
    """The model's own library."""

    def close(self) -> None: ...


class TreesPredictor:
    """A loaded model of trees; answers from many threads at once.

    A family's own has `importance` and `read_forest` besides, and `explain` where it can.
    """

    concurrency: Literal["parallel", "serial"] = "parallel"
    score_kinds: tuple[str, ...]  # What `importance` tells of.
    has_trees = True

    def __init__(
        self,
        artefact: Artefact,
        matrix: Callable[[Batch], Matrix],
        library: LibraryEngine,
        outputs: Outputs,
        info: Mapping[str, Any],
    ) -> None:
        """`matrix` makes of a Batch what `library` is asked about; `info` is what is told of the model."""
        self._artefact, self._matrix, self._library, self._outputs = artefact, matrix, library, outputs
        self._answers = library.predict
        self._info = dict(info)
        self._reading = threading.Lock()
        self._forest: Forest | None = None
        self.engine = EXACT

    def answer_by(self, converted: Engine | None, refused: str | None) -> None:
        """Let the converted model answer; where there is none, the library does, and `info` says why."""
        if converted is not None:
            self.engine, self._answers = ONNX, converted.predict
        self._info |= {"engine": self.engine, **({} if refused is None else {"engine_refused": refused})}

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Answer the Batch as the library does; labels as the number of their class."""
        return self._outputs(self._answers(self._matrix(batch)))

    def importance(self) -> dict[str, dict[str, float | list[float]]]:
        """The scores of each field by kind; a list where each class has its own."""
        raise NotImplementedError

    def read_forest(self, raw: bytes) -> Forest:
        """The trees in the artefact's content. Raises NotSupported where there are none."""
        raise NotImplementedError

    def forest(self) -> Forest:
        """The model's trees; read from its file when they are first asked for, since answering does not need them.

        Raises NotSupported where there are none, BundleError where the file is gone or another than the one loaded.
        """
        with self._reading:
            if self._forest is None:
                self._forest = self.read_forest(self._artefact.content())
            return self._forest

    def info(self) -> dict[str, Any]:
        return dict(self._info)

    def close(self) -> None:
        self._library.close()
