"""What a plugin implements to package what another tool wrote: a folder that holds a model file and more."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mlserve.signature import Signature


@dataclass(frozen=True)
class Imported:
    """What a folder holds for packaging.

    `signature` is what the tool says of inputs and outputs: it completes what the model file says itself, which comes
    first, and counts whole where that says nothing. `sample` are rows, as `mlserve.bundles.package` takes `data`;
    `metadata` says in JSON values where the model comes from, for the bundle's provenance.
    """

    artefact: Path
    signature: Signature | None = None
    sample: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Importer(Protocol):
    """Reads model folders of one tool, without that tool."""

    def reads(self, path: Path) -> bool:
        """Whether it is such a folder; looks at names only."""

    def read(self, path: Path, folder: Path) -> Imported:
        """What is in it. `folder` is an empty one, for a model file that needs another name than it has.

        No code of the model runs. Raises BundleError with one sentence.
        """
