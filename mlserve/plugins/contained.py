"""Includes a plugin so that what fails of it fails alone: it is withdrawn, and the start goes on."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyramid.config import Configurator
from pyramid.registry import Deferred

from mlserve.errors import ConfigurationError
from mlserve.faults import Fault, ends_process
from mlserve.plugins.found import Plugin

if TYPE_CHECKING:
    from mlserve.application import Application

# The introspectables by which a fault names what has failed; all else is a part of the includeme.
_NAMED = (
    "mlserve families",
    "mlserve resources",
    "mlserve panels",
    "mlserve health checks",
    "mlserve importers",
    "mlserve protocols",
    "mlserve protocol resources",
)


def include(config: Configurator, plugin: Plugin) -> None:
    """Include a plugin. Where what it registers fails, now or when it is committed, the plugin is left out.

    Raises ConfigurationError for what the INI has wrong.
    """
    application, actions = config.registry.mlserve, config.action_state.actions
    before = _Before(config)
    application.including = plugin
    try:
        config.include(plugin.module)
    except BaseException as error:
        if ends_process(error) or isinstance(error, ConfigurationError):
            raise
        before.restore()
        application.withdraw(Fault(plugin.name, "includeme", error, plugin.module.__name__))
    finally:
        application.including = None
    for action in actions[before.actions :]:
        _contain(action, application, plugin)


class _Before:
    """What a plugin's includeme may change at once, as it was before."""

    def __init__(self, config: Configurator) -> None:
        self._config = config
        self._application: Application = config.registry.mlserve
        self.actions = len(config.action_state.actions)
        self._included = set(config.action_state._seen_files)  # What it has included, another one may include anew.
        self._held = [
            (holder, dict(holder))
            for holder in (
                config.registry.settings,
                config.registry.__dict__.setdefault("_directives", {}),
                config.registry.__dict__.setdefault("cornice_services", {}),
            )
        ]
        self._settings = self._application.settings.mark()
        self._hooks = self._application.hooks()

    def restore(self) -> None:
        del self._config.action_state.actions[self.actions :]
        self._config.action_state._seen_files = self._included
        for holder, items in self._held:
            holder.clear()
            holder.update(items)
        self._application.settings.back_to(self._settings)
        self._application.back_to(self._hooks)


def _contain(action: dict[str, Any], application: "Application", plugin: Plugin) -> None:
    """Let what a plugin has registered fail alone: the plugin is withdrawn, and what else it has registered stays.

    So a request for a model of its family comes as far as the resource, which says what has failed.
    """
    call, discriminator = action["callable"], action["discriminator"]
    introspectables = action["introspectables"] = [*action["introspectables"]]
    # What it was registered as, such as `model family x`, or what registered it.
    part = next((f"{it.type_name} {it.title}" for it in introspectables if it.category_name in _NAMED), "includeme")
    failed = False

    def guarded(work: Callable[[], Any]) -> Any:
        nonlocal failed
        try:
            return None if failed else work()
        except BaseException as error:
            if ends_process(error) or isinstance(error, ConfigurationError):
                raise
            failed = True
            introspectables.clear()  # They would ask the same discriminator again.
            application.withdraw(Fault(plugin.name, part, error, plugin.module.__name__))
            return None

    if call is not None:
        action["callable"] = lambda *args, **kw: guarded(lambda: call(*args, **kw))
    if isinstance(discriminator, Deferred):
        # None, of what cannot say what it is: it conflicts with nothing.
        action["discriminator"] = Deferred(lambda: guarded(discriminator.resolve))
