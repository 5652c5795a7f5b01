"""What a plugin adds to the page of a model; declared without the pages, which may be left out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlserve.inference import LiveModel

PanelView = Callable[[Any, LiveModel], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Panel:
    """`view(request, model)` gives the values for `template`, or None where the panel has nothing to say."""

    name: str
    template: str
    view: PanelView
    family: str | None = None  # None: of every model
