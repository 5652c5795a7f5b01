"""Plugins that each break one rule of the contract, with the check that must fail for it and its words.

`test_suite.py` runs them. They are models of means in all but the rule that they break: `families.py` a rule of the
plugin or of its family, `predictors.py` of what it loads, `resources.py` of what it serves.
"""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from zipfile import ZipFile

from mlserve.settings import Setting
from mlserve.testing import ContractSuite
from mlserve_template.family import NAME, TemplateFamily, read
from mlserve_template.resources import TemplatePredictions

MEANS = '{"mean": 12.5, "offsets": {"carrier": {"AA": -1.5, "UA": 2.25}, "origin": {"EWR": 3, "JFK": -0.5}}}'


def write_means(folder: Path) -> Path:
    path = folder / "broken.template"
    path.write_text(MEANS)
    return path


def write_zip(folder: Path) -> Path:
    path = folder / "broken.template"
    with ZipFile(path, "w") as archive:
        archive.writestr("means.json", MEANS)
    return path


class Broken(ContractSuite):
    """`Family`, `Predictor`, `resources` and `api` make a plugin of its own for each subclass."""

    artefact = staticmethod(write_means)
    breaks: ClassVar[Callable[..., None]]
    says: ClassVar[str]
    Family: ClassVar[type] = TemplateFamily
    Predictor: ClassVar[type | None] = None
    resources: ClassVar[dict[str, type]] = {"predictions": TemplatePredictions}
    api: ClassVar[object] = (1, 0)

    def __init_subclass__(cls) -> None:
        if "plugin" not in vars(cls):
            cls.plugin = f"mlserve_broken_{cls.__name__}"
            sys.modules[cls.plugin] = cls._module(cls.plugin)

    @classmethod
    def _module(cls, name: str) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__file__ = __file__
        if cls.api is not None:
            module.MLSERVE_API = cls.api

        def includeme(config: Any) -> None:
            config.add_setting(Setting("mlserve.template.decimals", "int", 2, "Decimals of an answer."))
            config.add_model_family(NAME, cls._family)
            for resource, made in cls.resources.items():
                config.add_model_resource(resource, made)

        includeme.__module__ = name
        module.includeme = includeme
        return module

    @classmethod
    def _family(cls) -> Any:
        family = cls.Family()
        if (predictor := cls.Predictor) is not None:
            family.load = lambda path, signature, settings: predictor(read(path), signature, settings["decimals"])
        return family
