"""A damaged model file is refused, or is loaded and answered from; it never ends the process that inspects or loads it.

The library by itself ends with a segmentation fault on about one in two hundred of the files made here.
"""

import random
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import tflite_samples

from mlserve.errors import BundleError, MlserveError
from mlserve.testing import outcome_of
from mlserve_tflite.family import TfliteFamily
from mlserve_tflite.notes import notes_of
from mlserve_tflite.probe import probe

FILES = 12


def damaged(raw: bytes, chance: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(chance.choice((1, 2, 4))):
        at = chance.randrange(len(data))
        data[at] = chance.choice((data[at] ^ 1 << chance.randrange(8), 0, 1, 127, 255))
    return bytes(data)


def is_loaded(path: Path) -> bool:
    """Whether the file is loaded, as a server does it, and not refused."""
    family = TfliteFamily()
    try:
        family.load(path, family.inspect(path), {}).close()
    except MlserveError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_damaged_files_end_no_process(tmp_path):
    chance = random.Random("tflite")
    makers = (tflite_samples.dense, tflite_samples.picture, tflite_samples.quantized)
    raws = []
    for number, make in enumerate(makers):
        (tmp_path / str(number)).mkdir()
        raws.append(make(tmp_path / str(number)).read_bytes())
    path = tmp_path / "damaged.tflite"
    outcomes: Counter[str] = Counter()
    for _ in range(FILES):
        path.write_bytes(damaged(chance.choice(raws), chance))
        outcomes[outcome_of(partial(is_loaded, path))] += 1
    assert {*outcomes} == {"answered", "refused"}, outcomes


def test_a_fault_of_the_library_is_a_sentence(tmp_path):
    raw = fatal(tmp_path)
    with pytest.raises(BundleError, match=r"ended with a fault when it loaded x\.tflite"):
        probe(raw, "x.tflite")


def labelled(folder: Path, names: list[str], files: dict[str, str], outputs: int = 2) -> bytes:
    """A model of so many outputs, whose metadata names a file of labels for each of `names`."""
    graph = tflite_samples.Graph()
    x = graph.tensor("x", [1, 3])
    given = [graph.tensor(f"y{number}", [1, 3]) for number in range(outputs)]
    for y in given:
        options = tflite_samples.schema.AddOptionsT()
        graph.node(tflite_samples.OPERATORS.ADD, [x, x], [y], tflite_samples.OPTIONS.AddOptions, options)
    graph.metadata(tflite_samples.metadata_of(image=False, mean=[0], std=[1], labels=names))
    return graph.written(folder, [x], given, files).read_bytes()


def test_metadata_of_more_tensors_than_the_model_has_is_refused(tmp_path):
    with pytest.raises(ValueError, match="tells of 3 tensors, where the model has 2"):
        notes_of(labelled(tmp_path, ["a"] * 3, {"a": "no\nyes"}))


def test_a_file_of_labels_counts_once_for_all_tensors_that_name_it(tmp_path):
    large = "\n".join(f"{number:100}" for number in range(60_000))  # Two of them are more than may be read.
    notes = notes_of(labelled(tmp_path, ["a", "a"], {"a": large}))
    assert notes.output(0).labels is notes.output(1).labels
    assert len(notes.output(0).labels) == 60_000
    with pytest.raises(ValueError, match="its file 'b' is too large"):
        notes_of(labelled(tmp_path, ["a", "b"], {"a": large, "b": large}))


def test_labels_without_end_are_refused(tmp_path):
    with pytest.raises(ValueError, match="more than 1000000 labels"):
        notes_of(labelled(tmp_path, ["a", "a"], {"a": "\n" * 1_000_001}))


def test_a_thousand_tensors_of_one_large_vector_are_refused(tmp_path):
    """Each would be read in full, though the file holds the numbers once."""
    graph = tflite_samples.Graph()
    x = graph.tensor("x", [1, 3])
    graph.metadata(tflite_samples.metadata_of(image=True, mean=[0] * 100_000, std=[1], labels=[None]))
    with pytest.raises(ValueError, match="a vector is too long"):
        notes_of(graph.written(tmp_path, [x], [x]).read_bytes())


def fatal(folder: Path) -> bytes:
    """A file that the library believes: a node without the options that its kernel reads."""
    graph = tflite_samples.Graph()
    x, y = graph.tensor("x", [1, 3]), graph.tensor("y", [1, 2])
    graph.node(tflite_samples.OPERATORS.SPLIT, [x, x], [y])
    return graph.written(folder, [x], [y]).read_bytes()
