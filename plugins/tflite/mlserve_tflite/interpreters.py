"""Interpreters: as many of one model as are asked at the same time, since one answers one thread at a time."""

import importlib.util
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version as version_of
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LIBRARY: Final = "ai-edge-litert"
INSTALL: Final = (
    "The plugin tflite needs LiteRT, which is not installed: in a clone run "
    "`.venv/bin/pip install -e plugins/tflite -c constraints.txt`, else `pip install ai-edge-litert`."
)


def is_installed() -> bool:
    """Whether the library is there; imports nothing."""
    return importlib.util.find_spec("ai_edge_litert") is not None


def version() -> str:
    return version_of(LIBRARY)


def make(raw: bytes) -> Any:
    """One interpreter, on one thread."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_content=raw, num_threads=1)


class Interpreters:
    """Lends interpreters; one is made where all others are lent."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._free: deque[Any] = deque()
        self._free.append(self._ready())

    def ask(self, inputs: Mapping[int, NDArray[Any]], outputs: Sequence[int]) -> list[NDArray[Any]]:
        """The tensors `outputs` for the given `inputs`, both by their index. Raises what the library raises."""
        with self._lent() as interpreter:
            resized = False
            for details in interpreter.get_input_details():
                given = inputs[details["index"]]
                if tuple(details["shape"]) != given.shape:
                    interpreter.resize_tensor_input(details["index"], given.shape)
                    resized = True
            if resized:
                interpreter.allocate_tensors()
            for index, given in inputs.items():
                interpreter.set_tensor(index, given)
            interpreter.invoke()
            return [np.asarray(interpreter.get_tensor(index)) for index in outputs]  # Copies.

    def close(self) -> None:
        """No interpreter is lent any more: the core waits for its predictions first."""
        self._free.clear()

    @contextmanager
    def _lent(self) -> Iterator[Any]:
        try:
            interpreter = self._free.pop()
        except IndexError:
            interpreter = self._ready()
        # One that failed is not lent again: nobody knows what state it is in.
        yield interpreter
        self._free.append(interpreter)

    def _ready(self) -> Any:
        interpreter = make(self._raw)
        interpreter.allocate_tensors()
        return interpreter
