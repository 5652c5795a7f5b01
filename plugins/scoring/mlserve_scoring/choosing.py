"""Which model answers where the address names none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from mlserve.errors import ModelUnknown
from mlserve.models import Signatures, unknown_model
from mlserve.protocols import Target, target_of

MODEL: Final = "mlserve.scoring.model"
ALIAS: Final = "mlserve.scoring.alias"
CHAMPION: Final = "champion"


def model_of(request: Any) -> str | None:
    """The model of the INI, or else the only one; None where there are others, or none at all."""
    named: str | None = request.mlserve.settings[MODEL]
    if named:
        return named
    names = [model.name for model in request.mlserve.live]
    return names[0] if len(names) == 1 else None


def misnamed(settings: Mapping[str, Any], models: Signatures) -> list[str]:
    """What is wrong with the names in the INI: the alias is asked of the model that answers /invocations."""
    name, alias = settings[MODEL], settings[ALIAS]
    if name and name not in models:
        return [unknown_model(MODEL, name, models)]
    answering = name or (next(iter(models)) if len(models) == 1 else "")
    # A model without a champion is as its operator wants it.
    if not answering or alias == CHAMPION or alias in models[answering]:
        return []
    near = ", ".join(sorted(models[answering])) or "none"
    return [f"{ALIAS} names {alias!r}, which is no alias of the model {answering!r}: it has {near}."]


@contextmanager
def chosen(request: Any) -> Iterator[Target]:
    """The version that answers. Raises ModelUnknown where nobody has said which, and what `target_of` does."""
    if "model" not in request.matchdict:
        raise ModelUnknown(f"There is not one model here but several or none: {MODEL} says which one answers.")
    with target_of(request, alias=request.mlserve.settings[ALIAS]) as target:
        yield target
