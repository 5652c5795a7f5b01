"""The class that an artefact names: imported only where it is allowed, and known by who has brought it."""

import importlib
import inspect
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from mlserve.errors import BundleError, SignatureError
from mlserve.faults import ends_process, told_with_line
from mlserve.signature import Signature
from mlserve_python.allowed import CLASS, Allowed
from mlserve_python.artefact import Recipe


def class_of(recipe: Recipe, allowed: Allowed, file: str) -> type[Any]:
    """Import the class. Raises BundleError where it is not allowed, not there or no predictor."""
    allowed.require(recipe.named, file)
    found = CLASS.fullmatch(recipe.named)
    assert found is not None  # The artefact was read.
    try:
        made: Any = importlib.import_module(found["module"])
    except BaseException as error:
        if ends_process(error):
            raise
        raise BundleError(
            f"{file} names the class {recipe.named}, whose module cannot be imported: "
            f"{told_with_line(error, found['module'])}"
        ) from error
    for name in found["name"].split("."):
        made = getattr(made, name, None)
    if not isinstance(made, type):
        raise BundleError(f"{file} names the class {recipe.named}, which is none: the module has no such class.")
    allowed.require_home(recipe.named, f"{made.__module__}:{made.__qualname__}", file)
    if not any(callable(getattr(made, name, None)) for name in ("predict", "predict_one")):
        raise BundleError(f"{file} names the class {recipe.named}, which has neither predict nor predict_one.")
    return made


def signature_of(made: type[Any], named: str) -> Signature | None:
    """What the class says of itself by `signature()`; None where it says nothing. Raises SignatureError."""
    ask = getattr(made, "signature", None)
    if ask is None:
        return None
    try:
        found = ask()
    except BaseException as error:
        if ends_process(error):
            raise
        raise SignatureError(f"{named}.signature() fails: {told_with_line(error, made.__module__)}") from error
    return found if found is None or isinstance(found, Signature) else Signature.from_json(found)


def instance_of(made: type[Any], named: str, folder: Path, arguments: Mapping[str, Any]) -> Any:
    """What predicts: from `load(folder, arguments)` where the class has it, else from its constructor.

    Raises BundleError with what the class raises, and its line.
    """
    try:
        if callable(getattr(made, "load", None)):
            return made.load(folder, dict(arguments))
        if "folder" in inspect.signature(made).parameters:
            return made(folder=folder, **arguments)
        return made(**arguments)
    except BaseException as error:
        if ends_process(error):
            raise
        raise BundleError(f"{named} cannot be loaded: {told_with_line(error, made.__module__)}") from error


@cache  # It looks at every installed distribution.
def libraries_of(module: str) -> dict[str, str]:
    """Name and version of the distribution that has brought a module."""
    package = module.partition(".")[0]
    for name in packages_distributions().get(package, ()):
        try:
            return {name: version(name)}
        except PackageNotFoundError:
            continue
    return {package: "unpackaged"}
