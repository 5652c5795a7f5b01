"""Every bundled family with a small model of its own: what `plugins/*/tests/*_samples.py` says of it.

A module of samples has `contract_artefact(folder) -> path` and `library_answers(path, instances) -> {output: array}`,
the library's own answers to instances as they are sent in JSON; and, where it has more to say, `SETTINGS`, further INI
keys, `TOLERANCE`, by which an answer may relatively differ from the library's, and `instances(signature, count)`.
"""

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mlserve.testing import instances_of
from mlserve.testing.subject import Subject

ROOT = Path(__file__).parents[2]
SAMPLES = {path.parents[1].name: path for path in sorted((ROOT / "plugins").glob("*/tests/*_samples.py"))}


@dataclass(frozen=True)
class Sample:
    """The model of one plugin, inspected, with so many instances for it."""

    plugin: str
    module: ModuleType
    subject: Subject
    instances: Sequence[Mapping[str, Any]]

    @property
    def settings(self) -> Mapping[str, str]:
        """Further INI keys, with what must be trusted."""
        return self.subject.settings(self.subject.artefact.parent)

    @property
    def tolerance(self) -> float:
        return float(getattr(self.module, "TOLERANCE", 0.0))


def sample_of(plugin: str, folder: Path, count: int) -> Sample:
    """Made in the folder."""
    module = imported(SAMPLES[plugin])
    subject = Subject.of(plugin, module.contract_artefact(folder), getattr(module, "SETTINGS", {}))
    made = getattr(module, "instances", instances_of)(subject.signature, count)
    return Sample(plugin, module, subject, made)


def imported(path: Path) -> ModuleType:
    """The module, which may import others that stand beside it."""
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    return importlib.import_module(path.stem)
