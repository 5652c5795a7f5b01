"""The panel on the page of a model of trees: what the model splits on."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlserve.inference import LiveModel
from mlserve.trees.predictor import TreesPredictor

SHOWN: Final = 12  # fields; the others are folded
TEMPLATE: Final = "mlserve:trees/templates/importance.jinja2"

Score = float | list[float]


@dataclass(frozen=True)
class Row:
    """One field: its scores as texts, and the length of its bar in percent of the longest."""

    field: str
    scores: tuple[str, ...]
    share: float


def importance_panel(
    request: Any, model: LiveModel, meanings: Callable[[Collection[str]], Mapping[str, str]]
) -> dict[str, Any]:
    """What TEMPLATE shows; `meanings` says what each kind of score is, in words. Raises ModelNotReady."""
    with model.using_predictor() as loaded:
        predictor: TreesPredictor = loaded.predictor  # type: ignore[assignment] # The panel is the family's own.
        importance = predictor.importance()
    rows = rows_of(importance)
    return {
        "meanings": meanings(importance),
        "top": rows[:SHOWN],
        "rest": rows[SHOWN:],
        "drawing": _first_drawing(request, model) if predictor.has_trees else None,
    }


def rows_of(importance: Mapping[str, Mapping[str, Score]]) -> Sequence[Row]:
    """The fields, the most important first, by the first of the scores; equal ones in the signature's order."""
    first = next(iter(importance.values()))
    sizes = {field: _size(score) for field, score in first.items()}
    largest = max(sizes.values(), default=0.0)
    return [
        Row(field, tuple(_text(scores[field]) for scores in importance.values()), 100 * size / (largest or 1.0))
        for field, size in sorted(sizes.items(), key=lambda item: -item[1])
    ]


def _first_drawing(request: Any, model: LiveModel) -> str:
    path: str = request.route_path(f"{model.family}.trees/{{number}}/drawing", model=model.name, number=0)
    return path


def _size(score: Score) -> float:
    return max(map(abs, score)) if isinstance(score, list) else abs(score)


def _text(score: Score) -> str:
    return ", ".join(f"{value:.4g}" for value in (score if isinstance(score, list) else [score]))
