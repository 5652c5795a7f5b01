"""What a protocol plugin tells of the models and versions that there are, and what it may do to them.

Aliases say which versions are loaded, on every host and for good, so that to load and to unload a model is to give and
to take its alias champion: an event with an author, which the other aliases and predictions by number do not notice.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from mlserve import events
from mlserve.application import Application
from mlserve.auth.guard import sees
from mlserve.errors import ModelNotReady, NothingBefore, VersionUnknown
from mlserve.events import author_of, kinds
from mlserve.inference import LiveModel
from mlserve.names import CHAMPION, counted
from mlserve.registry import aliases
from mlserve.registry.aliases import Seen
from mlserve.registry.past import using_number
from mlserve.registry.setting_checks import Signatures, unknown_model
from mlserve.types import application_of

__all__ = [
    "Measured",
    "Outcome",
    "Signatures",
    "Standing",
    "load",
    "measured",
    "number_of",
    "require_model",
    "standings",
    "standings_of",
    "unknown_model",
    "unload",
]

State = Literal["ready", "loading", "failed", "draining", "idle"]
Outcome = Literal["ok", "replayed", "refused", "failed"]

UNNAMED: Final = "No alias names it; it is loaded when it is asked by its number."
UNLOADED: Final = "No alias of the model names a version."
# How long a request waits, in seconds, until this process has followed what it has changed: it keeps a thread from
# those that ask for predictions. What takes longer goes on without it.
_PATIENCE: Final = 5.0
_SECONDS: Final = "mlserve_prediction_duration_seconds"
_INSTANCES: Final = "mlserve_prediction_instances_total"


class Standing(NamedTuple):
    """How a version that is not retired is doing in this process, and why it is not ready; idle: no alias names it."""

    model: str
    version: int
    state: State
    reason: str = ""


@dataclass
class Measured:
    """What one version has answered on this host, dead processes included: by outcome how often, and in how many
    seconds; and how many instances were predicted.
    """

    model: str
    version: int
    outcomes: dict[Outcome, tuple[int, float]] = field(default_factory=dict)
    instances: int = 0


def standings(request: Any) -> list[Standing]:
    """Every version of the models that the caller may see, by model and number."""
    application = application_of(request)
    return [
        standing
        for model in sorted(application.registry.registered.versions)
        if sees(request, model)
        for standing in _of_model(application, model)
    ]


def standings_of(request: Any, model: str) -> list[Standing]:
    """Every version of one model, by number. Raises ModelUnknown."""
    require_model(request, model)
    return _of_model(application_of(request), model)


def require_model(request: Any, model: str) -> None:
    """Raise ModelUnknown for a model that neither is live nor has a version."""
    application = application_of(request)
    if model not in application.registry.registered.versions:
        application.live.get(model)


def number_of(request: Any, model: str, version: str) -> int:
    """The number of a version that a path names by it or by an alias.

    Raises ModelUnknown, and VersionUnknown for what is neither, or retired.
    """
    known = {standing.version for standing in standings_of(request, model)}
    named = application_of(request).registry.registered.aliases.get(model, {})
    number = named.get(version) or counted(version)
    if number not in known:
        raise VersionUnknown(f"Model {model} has no version {version!r}.")
    return number


def load(request: Any, model: str, version: str | None = None) -> None:
    """Let the model answer: give champion back to the version that had it, where no version has it, and wait for it.

    A model whose champion is there is left as it is, once what the registry says last is followed. A `version`, by its
    number or an alias, is loaded too, so that it answers at once when it is asked. What takes longer than some seconds
    goes on: its standing is `loading` until it answers.

    Raises ModelUnknown, VersionUnknown, VersionRetired, NothingBefore where no version has been champion, ModelNotReady
    where the version cannot be loaded, with the reason, or not in time, and DatabaseUnavailable.
    """
    application = application_of(request)
    require_model(request, model)
    number = None if version is None else number_of(request, model, version)
    if _give_back(request, application, model):
        application.registry.expect(model, CHAMPION)
    _follow(application)
    if number is None:
        application.live.get(model).loaded()
    else:
        with using_number(application, model, number):
            pass


def unload(request: Any, model: str) -> None:
    """Let the model answer no more, here and on every host: its alias champion is removed, until `load` gives it back.

    Nothing happens where no version is champion. Raises ModelUnknown, DatabaseUnavailable, and ModelNotReady where this
    process has not followed in time.
    """
    application = application_of(request)
    require_model(request, model)
    with application.database.write() as connection:
        if aliases.find(connection, model, CHAMPION) is not None:
            aliases.remove(connection, model, CHAMPION, author=author_of(request, "unloaded through a protocol"))
    _follow(application)


def measured(request: Any, model: str | None = None) -> list[Measured]:
    """What the versions of one model, or of all that the caller may see, have answered; by model and number."""
    snapshot = application_of(request).recorder.collect()
    found: dict[tuple[str, int], Measured] = {}
    for buckets in snapshot.histograms[_SECONDS].series if _SECONDS in snapshot.histograms else ():
        name, number, outcome = buckets.labels
        _of(found, name, number).outcomes[outcome] = (sum(buckets.counts), buckets.total)  # type: ignore[index]
    for (name, number), instances in snapshot.counters.get(_INSTANCES, ()):
        _of(found, name, number).instances = int(instances)
    return [
        one for (name, _), one in sorted(found.items()) if (sees(request, name) if model is None else name == model)
    ]


def _of(found: dict[tuple[str, int], Measured], model: str, number: str) -> Measured:
    return found.setdefault((model, int(number)), Measured(model, int(number)))


def _of_model(application: Application, model: str) -> list[Standing]:
    live = application.live.find(model)
    known = application.registry.registered.versions.get(model, {})
    return [_standing(live, model, number) for number, one in sorted(known.items()) if not one.retired]


def _standing(live: LiveModel | None, model: str, number: int) -> Standing:
    status = None if live is None else live.statuses.get(number)
    if status is None:
        return Standing(model, number, "idle", UNLOADED if live is None else UNNAMED)
    return Standing(model, number, status.state, status.reason)


def _give_back(request: Any, application: Application, model: str) -> bool:
    """Whether the alias champion is one again; False where it is there, as this process may not have seen yet."""
    with application.database.write() as connection:
        if aliases.find(connection, model, CHAMPION) is not None:
            return False
        removed = events.page(connection, model=model, alias=CHAMPION, kind=kinds.ALIAS_REMOVED, limit=1)
        if not removed:
            raise NothingBefore(
                f"No version of model {model} has been its {CHAMPION}: let the alias name one by its number first."
            )
        aliases.move(
            connection,
            model,
            CHAMPION,
            removed[0].before["version"],
            seen=Seen(None),
            author=author_of(request, "loaded through a protocol"),
            families=application.families,
        )
    return True


def _follow(application: Application) -> None:
    """Raises ModelNotReady where what the registry says is not followed here in time."""
    if not application.registry.follow(_PATIENCE):
        raise ModelNotReady("The change is made, and not followed here yet.", retry_after=5)
