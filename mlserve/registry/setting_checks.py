"""What plugins' settings say of models, held against the models that there are: names are written before a model is."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection

from mlserve.application import Application
from mlserve.names import CHAMPION
from mlserve.registry import aliases, service
from mlserve.signature import Signature

# Signatures by model and alias; None of a version that is not loaded here.
Signatures = Mapping[str, Mapping[str, Signature | None]]
# Sentences about what is wrong.
SettingCheck = Callable[[Signatures], Iterable[str]]


def unknown_model(key: str, name: str, known: Signatures) -> str:
    """The sentence about a setting that names no model."""
    near = get_close_matches(name, known, 1)
    return f"{key} names {name!r}, which is no model here" + (f"; did you mean {near[0]!r}?" if near else ".")


def told(application: Application, known: Signatures) -> list[str]:
    """What the checks of all settings say. One that fails says so itself: it may take down nothing else."""
    found: list[str] = []
    for key, (check, plugin) in application.setting_checks.items():
        if plugin in application.faults:
            continue
        try:
            found += check(known)
        except Exception as error:
            found.append(f"{key} cannot be checked: {type(error).__name__}.")
    return found


def models_of(application: Application) -> Signatures:
    """The models that this process serves, and those that it only knows."""
    found: dict[str, dict[str, Signature | None]] = {name: {} for name in application.registry.registered.versions}
    for model in application.live:
        loaded = {alias: version.signature for alias, version in model.aliases.items()}
        if model.champion is not None:
            loaded[CHAMPION] = model.champion.signature
        found[model.name] = {**dict.fromkeys(model.named), **loaded}
    return found


def registered(connection: Connection) -> dict[str, dict[str, Any]]:
    """The models of the registry."""
    return {
        row["name"]: {
            one.alias: service.signature(connection, one.model, one.version)
            for one in aliases.of_model(connection, row["name"])
        }
        for row in service.models(connection)
    }
