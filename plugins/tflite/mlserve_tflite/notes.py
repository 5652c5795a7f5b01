"""Notes: what a `.tflite` file's metadata tells of its tensors: which are pictures, how they are scaled, the labels.

The metadata is a FlatBuffer inside the model's; the files that it names stand in a ZIP archive at the end of the file.
The numbers of the fields are those of TensorFlow Lite's schema.fbs and metadata_schema.fbs.
"""

import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from mlserve_tflite.flatbuffer import Table

MARK: Final = b"TFL3"  # of a model, at byte 4
_METADATA: Final = b"M001"
_NAME: Final = "TFLITE_METADATA"
_IMAGE: Final = 2  # ContentProperties.ImageProperties
_NORMALIZATION: Final = 1  # ProcessUnitOptions.NormalizationOptions
_LABELS: Final = (2, 3)  # AssociatedFileType: TENSOR_AXIS_LABELS, TENSOR_VALUE_LABELS
_LARGEST: Final = 10_000_000  # bytes of all files of labels
_MOST_LABELS: Final = 1_000_000  # in all of them
_MOST: Final = 100  # entries of metadata, and of a tensor's steps and files
_MOST_TENSORS: Final = 1_000  # that are told of, of inputs and of outputs


@dataclass(frozen=True)
class Note:
    """What is told of one tensor: a picture is `(pixel - mean) / std`, by channel or for all of them."""

    image: bool = False
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notes:
    """`inputs` and `outputs` in the order of the model's first graph; empty where the file has no metadata."""

    description: str = ""
    name: str = ""
    inputs: tuple[Note, ...] = ()
    outputs: tuple[Note, ...] = ()

    def input(self, place: int) -> Note:
        return self.inputs[place] if place < len(self.inputs) else Note()

    def output(self, place: int) -> Note:
        return self.outputs[place] if place < len(self.outputs) else Note()


def notes_of(raw: bytes) -> Notes:
    """Raises ValueError where the file is no model, or its metadata is damaged."""
    model = Table.root(memoryview(raw), MARK)
    description = model.text(3)
    named = [entry.number(1, "I") for entry in model.tables(6, _MOST) if entry.text(0) == _NAME]
    if not named:
        return Notes(description)
    buffer = next(islice(model.tables(4), named[0], None), None)
    if buffer is None:
        raise ValueError("its metadata is not there")
    metadata = Table.root(buffer.data(0), _METADATA)
    told = next(metadata.tables(3), None)
    if told is None:
        return Notes(description, metadata.text(0))
    graph, files = next(model.tables(2), None), _Files(raw)
    inputs, outputs = (0, 0) if graph is None else (graph.count(1), graph.count(2))
    return Notes(
        description=metadata.text(1) or description,
        name=metadata.text(0),
        inputs=_told(told, 2, inputs, files),
        outputs=_told(told, 3, outputs, files),
    )


def _told(graph: Table, field: int, tensors: int, files: "_Files") -> tuple[Note, ...]:
    """What is told of the model's inputs or outputs, of which there are so many."""
    if graph.count(field) > tensors:
        raise ValueError(f"its metadata tells of {graph.count(field)} tensors, where the model has {tensors}")
    return tuple(_note(tensor, files) for tensor in graph.tables(field, _MOST_TENSORS))


class _Files:
    """The associated files, which a ZIP archive at the end holds; each is read once."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._archive: zipfile.ZipFile | None = None
        self._labels: dict[str, tuple[str, ...]] = {}
        self._bytes, self._count = _LARGEST, _MOST_LABELS  # that may still come

    def labels(self, name: str) -> tuple[str, ...]:
        """A label for each line of the file. Raises ValueError."""
        if name not in self._labels:
            lines = self._content(name).decode("utf-8").splitlines()
            self._count -= len(lines)
            if self._count < 0:
                raise ValueError(f"its files hold more than {_MOST_LABELS} labels")
            self._labels[name] = tuple(_unique(lines))
        return self._labels[name]

    def _content(self, name: str) -> bytes:
        try:
            if self._archive is None:
                self._archive = zipfile.ZipFile(io.BytesIO(self._raw))
            with self._archive.open(name) as file:
                content = file.read(self._bytes + 1)
        except (
            zipfile.BadZipFile,
            KeyError,
            RuntimeError,
            NotImplementedError,
            EOFError,
            zlib.error,
            OSError,
        ) as error:
            raise ValueError(f"its file {name[:100]!r} cannot be read") from error
        self._bytes -= len(content)
        if self._bytes < 0:
            raise ValueError(f"its file {name[:100]!r} is too large")
        return content


def _note(tensor: Table, files: _Files) -> Note:
    content = tensor.table(3)
    mean, std = _normalization(tensor)
    return Note(
        image=content is not None and content.number(0, "B") == _IMAGE,
        mean=mean,
        std=std,
        labels=_labels(tensor, files),
    )


def _normalization(tensor: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for unit in tensor.tables(4, _MOST):
        options = unit.table(1)
        if unit.number(0, "B") == _NORMALIZATION and options is not None:
            return tuple(options.numbers(0, "f")), tuple(options.numbers(1, "f"))
    return (), ()


def _labels(tensor: Table, files: _Files) -> tuple[str, ...]:
    for file in tensor.tables(6, _MOST):
        if file.number(2, "b") in _LABELS:
            return files.labels(file.text(0))
    return ()


def _unique(lines: Sequence[str]) -> Iterator[str]:
    """Each label once, since people count cranes twice: the second is `crane (2)`, one without a name `class 7`."""
    seen: Counter[str] = Counter()
    for number, line in enumerate(lines):
        label = line.strip() or f"class {number}"
        seen[label] += 1
        yield label if seen[label] == 1 else f"{label} ({seen[label]})"
