"""What the page of a scikit-learn model shows: the steps that an instance goes through."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mlserve.inference import LiveModel
from mlserve_sklearn.predictor import SklearnPredictor

SHOWN: Final = 60


@dataclass(frozen=True)
class Row:
    """One estimator: how deep it is inside others, its name, class, fields and parameters as texts."""

    depth: int
    name: str
    kind: str
    columns: str
    parameters: tuple[tuple[str, str], ...]


def steps_panel(request: Any, model: LiveModel) -> dict[str, Any]:
    """What the template shows. Raises ModelNotReady while no version answers."""
    with model.using_predictor() as loaded:
        predictor: SklearnPredictor = loaded.predictor  # type: ignore[assignment] # The panel is the family's own.
        rows = [*rows_of(predictor.structure())]
    return {"rows": rows[:SHOWN], "more": max(0, len(rows) - SHOWN)}


def rows_of(part: Mapping[str, Any], depth: int = 0) -> Iterator[Row]:
    """An estimator and all inside of it, in the order that an instance meets them."""
    columns = part.get("columns", ())
    yield Row(
        depth,
        part["name"] or "model",
        part["class"].rpartition(".")[2],
        ", ".join(map(str, columns[:8])) + (" …" if len(columns) > 8 else ""),
        tuple((key, str(value)) for key, value in part["parameters"].items() if value is not None),
    )
    for step in part["steps"]:
        yield from rows_of(step, depth + 1)
