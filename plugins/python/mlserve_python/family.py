"""The family `python`: an artefact names a class of an installed package, and that class predicts."""

import inspect
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np

from mlserve.errors import BundleError
from mlserve.inference import Explanation
from mlserve.signature import Batch, Signature
from mlserve_python import arrays, artefact
from mlserve_python.allowed import Allowed
from mlserve_python.artefact import Recipe
from mlserve_python.classes import class_of, instance_of, libraries_of, signature_of
from mlserve_python.interface import Predictor
from mlserve_python.unpacking import not_unpacked, unpack, unpacked

NAME: Final = "python"


class PythonFamily:
    """Reads `.python` files. Code that they bring is never run: they name code that is installed, and allowed."""

    name = NAME
    formats = (".python",)
    runs_code = False

    def __init__(self, allowed: Allowed, cache: Path, largest: int) -> None:
        self._allowed = allowed
        self._cache = cache
        self._largest = largest

    def inspect(self, path: Path) -> Signature | None:
        """The artefact's signature, else its class's; None where only a sidecar can say it.

        Raises BundleError or SignatureError.
        """
        recipe = artefact.read(path)
        made = class_of(recipe, self._allowed, path.name)
        return recipe.signature or signature_of(made, recipe.named)

    def load(self, path: Path, signature: Signature, settings: Mapping[str, Any]) -> "LoadedClass":
        """Raises BundleError, with the line of the class's own code that failed."""
        recipe = artefact.read(path)
        made = class_of(recipe, self._allowed, path.name)
        folder, is_own = self._folder(path, recipe)
        try:
            instance = instance_of(made, recipe.named, folder, recipe.arguments)
            kind = ExplainingClass if callable(getattr(instance, "explain", None)) else LoadedClass
            return kind(instance, recipe, signature, folder if is_own else None)
        except BaseException:
            if is_own:
                shutil.rmtree(folder, ignore_errors=True)
            raise

    def libraries(self) -> dict[str, str]:
        """None of the family's own: each predictor names the distribution of its class."""
        return {}

    def save(self, model: object, folder: Path) -> Path | None:
        """An instance of an allowed class that has a `save(folder)`; None for anything else."""
        named = f"{type(model).__module__}:{type(model).__qualname__}"
        save = getattr(model, "save", None)
        if not callable(save) or not self._allowed.allows(named):
            return None
        files = folder / "files"
        files.mkdir()
        path = folder / "model.python"
        artefact.write(path, named, save(files) or {}, files)
        return path

    def reference(self, path: Path, signature: Signature, batch: Batch) -> dict[str, np.ndarray]:
        """The answers of an instance of its own, one instance of the Batch after the other."""
        predictor = self.load(path, signature, {})
        try:
            rows = batch.rows()
            each = [predictor.predict(Batch.from_rows(batch.signature, [row])) for row in rows]
        finally:
            predictor.close()
        return {output.name: _joined([one[output.name] for one in each]) for output in signature.outputs}

    def _folder(self, path: Path, recipe: Recipe) -> tuple[Path, bool]:
        """The folder for the class, and whether it goes with the predictor."""
        if recipe.has_files and self._cache.parent.is_dir():
            return unpacked(path, self._cache, self._largest), False
        try:
            folder = Path(tempfile.mkdtemp(prefix="mlserve-python-"))
        except OSError as error:
            raise not_unpacked(path, error) from error
        if recipe.has_files:  # A check, which leaves nothing behind.
            try:
                unpack(path, folder, self._largest)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return folder, True


class LoadedClass:
    """The predictor: an instance of somebody's class, ready to answer."""

    engine = "python"

    def __init__(self, instance: Any, recipe: Recipe, signature: Signature, folder: Path | None) -> None:
        self._instance = instance
        self._recipe = recipe
        said = getattr(instance, "libraries", dict)
        self.libraries = {**libraries_of(type(instance).__module__), **(said() if callable(said) else said)}
        self._signature = signature
        self._folder = folder
        # What the base class has in its place predicts nothing.
        self._by_rows = getattr(type(instance), "predict", None) in (None, Predictor.predict)
        if self._by_rows and not callable(getattr(instance, "predict_one", None)):
            raise BundleError(f"{recipe.named}.load answered {type(instance).__name__}, which cannot predict.")
        concurrency = getattr(instance, "concurrency", "serial")
        if concurrency not in ("parallel", "serial"):
            raise BundleError(f'{recipe.named} says concurrency = {concurrency!r}: write "parallel" or "serial".')
        self.concurrency = cast(Literal["parallel", "serial"], concurrency)

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Whatever the class raises goes on; what it answers is checked. Raises PredictionFailed."""
        named, instance = self._recipe.named, self._instance
        if self._by_rows:
            answers = [instance.predict_one(row) for row in arrays.rows_of(batch)]
            found: Any = arrays.answer_of_rows(answers, self._signature, named)
        else:
            inputs: Any = arrays.inputs_of(batch)
            if (before := getattr(instance, "preprocess", None)) is not None:
                inputs = before(inputs)
            found = instance.predict(inputs)
            if (after := getattr(instance, "postprocess", None)) is not None:
                found = after(found)
        return arrays.answer_of(found, self._signature, batch.n, named)

    def info(self) -> dict[str, Any]:
        """The class and where it comes from; the names of its arguments only, whose values may be nobody's business."""
        return {
            "class": self._recipe.named,
            "libraries": self.libraries,
            "arguments": sorted(self._recipe.arguments),
            "concurrency": self.concurrency,
        }

    def description(self) -> str:
        """What the class says of itself; nothing where it has no docstring."""
        return inspect.getdoc(type(self._instance)) or ""

    def close(self) -> None:
        try:
            if callable(close := getattr(self._instance, "close", None)):
                close()
        finally:
            self._instance = None
            if self._folder is not None:
                with suppress(OSError):
                    shutil.rmtree(self._folder)


class ExplainingClass(LoadedClass):
    """One whose class explains its answers."""

    def explain(self, batch: Batch) -> Explanation:
        """Raises PredictionFailed for what is no explanation."""
        found = self._instance.explain(arrays.inputs_of(batch))
        return arrays.explanation_of(found, batch.n, self._recipe.named)


def _joined(parts: list[Any]) -> Any:
    if all(isinstance(part, np.ndarray) and part.shape[1:] == parts[0].shape[1:] for part in parts):
        return np.concatenate(parts)
    return [one for part in parts for one in part]
