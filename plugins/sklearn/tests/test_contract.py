"""The plugin keeps mlserve's contract, with pipelines of every kind of field, with texts, and with pickles."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import joblib
import pytest
import sklearn_samples
import sklearn_zoo

from mlserve.testing import ContractSuite, ModelSuite


def saved(name: str, folder: Path) -> Path:
    return sklearn_zoo.animal(name).save(folder)


def pickled(folder: Path) -> Path:
    path = folder / "model.joblib"
    joblib.dump(sklearn_zoo.animal("forest").model, path)
    names = ["x", "y", "z"]
    said = {
        "inputs": [{"name": f"f{at}", "type": "float32", "nullable": True} for at in range(4)],
        "outputs": [
            {"name": "label", "type": "category", "categories": names},
            {"name": "probability", "type": "float64", "shape": [3], "categories": names},
        ],
    }
    path.with_name("model.joblib.signature.json").write_text(json.dumps(said))
    return path


class OfSklearn(ModelSuite):
    plugin = "sklearn"
    # A fresh process imports the whole of scikit-learn first, which takes long where many tests run at once.
    patience = 120.0


class TestPipeline(OfSklearn, ContractSuite):
    artefact = staticmethod(sklearn_samples.contract_artefact)


@pytest.mark.exhaustive
class TestTrees(OfSklearn):
    artefact = staticmethod(partial(saved, "forest"))


@pytest.mark.exhaustive
class TestBoosting(OfSklearn):
    artefact = staticmethod(partial(saved, "hist-boosting"))


@pytest.mark.exhaustive
class TestLinear(OfSklearn):
    artefact = staticmethod(partial(saved, "ridge-scaled"))
    # The library multiplies one row by another routine than many, which rounds otherwise.
    tolerance = 1e-12


@pytest.mark.exhaustive
class TestClasses(OfSklearn):
    artefact = staticmethod(partial(saved, "frame-ordinal"))


@pytest.mark.exhaustive
class TestTexts(OfSklearn):
    artefact = staticmethod(partial(saved, "texts"))
    tolerance = 1e-12


class TestPickle(OfSklearn, ContractSuite):
    artefact = staticmethod(pickled)

    def damaged(self, content: bytes) -> Iterator[tuple[str, bytes]]:
        """Some cuts of a pickle end after a whole object, and random bytes may be one."""
        yield "an empty file", b""
        yield "a file cut off in the middle", content[: len(content) // 2]
        yield "zeros", bytes(4096)
        yield "a JSON list", b"[1, 2, 3]"
