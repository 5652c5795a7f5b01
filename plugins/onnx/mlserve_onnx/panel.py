"""The family's panel on a model's page: what its graph is made of."""

from typing import Any, Final

from mlserve.inference import LiveModel

SHOWN: Final = 12  # kinds of operators; the others are counted


def graph_panel(request: Any, model: LiveModel) -> dict[str, Any]:
    """What the template shows. Raises ModelNotReady while no version answers."""
    with model.using_predictor() as loaded:
        graph: dict[str, Any] = loaded.predictor.description  # type: ignore[attr-defined] # The panel is the family's own.
    operators = list(graph["operators"].items())
    return {
        "graph": graph,
        "operators": operators[:SHOWN],
        "rest": len(operators) - SHOWN,
        "opsets": ", ".join(f"{domain} {version}" for domain, version in graph["opsets"].items()),
        "tensors": [(kind, value, _size(value["shape"])) for kind in ("inputs", "outputs") for value in graph[kind]],
    }


def _size(shape: list[int | str | None] | None) -> str:
    return "" if shape is None else " × ".join("?" if size is None else str(size) for size in shape)
