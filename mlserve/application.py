"""What one mlserve application owns. It hangs on the Pyramid registry as `registry.mlserve`; nothing is global.

Building it opens nothing. `start` opens the database, loads the models and starts the background threads: it runs in
the process that will answer requests, after every fork.
"""

import atexit
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlserve.api.own_addresses import OwnAddresses
from mlserve.errors import ConfigurationError
from mlserve.faults import Fault, Faults, ends_process
from mlserve.inference import Importer, LiveModels
from mlserve.inference.families import Families
from mlserve.inference.loaded import Limits
from mlserve.observability.counters import Counters
from mlserve.observability.health import HealthMonitor, is_well
from mlserve.observability.metrics.measures import Measures
from mlserve.part import Part
from mlserve.plugins import Plugin
from mlserve.settings import Settings
from mlserve.turns import Turns

if TYPE_CHECKING:
    from jinja2 import Environment

    from mlserve.api.openapi.resources import Documents
    from mlserve.api.panels import Panel
    from mlserve.api.resources import ModelResource, Resource
    from mlserve.auth.policy import Policy
    from mlserve.dashboard.static_files import StaticFiles
    from mlserve.db.engine import Database
    from mlserve.observability.metrics.recorder import NullRecorder, Recorder
    from mlserve.predictions.family_tables import PredictionTable
    from mlserve.predictions.one_at_a_time import OneAtATime
    from mlserve.predictions.reports import ReportReader
    from mlserve.predictions.reproducing import Reproducing
    from mlserve.predictions.service import PredictionService
    from mlserve.registry.past import PastVersions
    from mlserve.registry.setting_checks import SettingCheck
    from mlserve.registry.watcher import Watcher

log = logging.getLogger("mlserve")


class Application:
    """Settings and parts of one application, in the order in which they come to be."""

    def __init__(
        self, settings: Settings, *, route_prefix: str = "", alone: bool = False, part: Part = Part.SERVER
    ) -> None:
        self.settings = settings
        self.route_prefix = route_prefix
        self.alone = alone  # False: included into somebody else's application
        self.part = part  # what this process does of the work
        self.own_addresses = OwnAddresses(route_prefix, alone=alone)
        self.plugins: dict[str, Plugin] = {}  # that have not failed, by their name in the INI
        self.faults = Faults()
        self.families = Families(self.faults)
        self.model_resources: dict[tuple[str, str], type[ModelResource]] = {}
        self.protocol_resources: dict[str, tuple[str, type[Resource]]] = {}  # path and class, by the route's name
        self.importers: dict[str, Importer] = {}  # of other tools' model folders, by name
        self.migrations: list[str] = []
        self.migrating: dict[str, Plugin] = {}  # whose these are
        self.panels: dict[tuple[str | None, str], Panel] = {}  # on the pages of models, by family and name
        self.prediction_tables: dict[str, PredictionTable] = {}  # by family
        self.setting_checks: dict[str, tuple[SettingCheck, str]] = {}  # and whose it is, by key
        self.counters = Counters()
        self.metrics = Measures(self.counters)  # anew at each start
        self.health = HealthMonitor(settings["mlserve.health.interval"], settings["mlserve.health.timeout"])
        self.live = LiveModels()
        self.limits = Limits(**{name: settings[f"mlserve.limits.{name}"] for name in Limits.__annotations__})
        self.turns = Turns()  # to compute; a worker limits them
        self.policy: Policy | None = None  # who may do what, where the INI asks for keys
        self.including: Plugin | None = None  # while the application is put together
        self.siblings: dict[str, Any] = {}  # the processes of this host's server, as its supervisor tells a worker
        self.stale_since: str | None = None  # when the registry was last seen, while the database is down
        self.documents: Documents  # exists from the `includeme` on
        self.static_files: StaticFiles  # exists where there are pages
        self.templates: Environment  # exists where there are pages
        self._running = False
        self._process: int | None = None  # the process that has started it
        self._locks: dict[int, threading.Lock] = {}  # by process: a fork may copy one that is held, for ever
        self._at_start: list[tuple[Callable[[], None], Plugin | None]] = []  # with the plugin whose it is
        self._at_stop: list[Callable[[], object]] = []
        # These exist from `start` on.
        self.database: Database
        self.recorder: Recorder | NullRecorder
        self.serving: PredictionService
        self.reports: ReportReader
        self.reproducing: Reproducing
        self.one_table: OneAtATime  # for large ones
        self.past: PastVersions
        self.registry: Watcher

    @property
    def var(self) -> Path:
        """The folder for what the server keeps."""
        folder: Path = self.settings["mlserve.var"]
        return folder

    def at_start(self, action: Callable[[], None]) -> None:
        """Actions run in the order of their registration; where a plugin's raises, the plugin is withdrawn."""
        self._at_start.append((action, self.including))

    def at_stop(self, action: Callable[[], object]) -> None:
        """Actions run in reverse order of registration, each whatever becomes of the others."""
        self._at_stop.append(action)

    @property
    def started(self) -> bool:
        """Whether it runs in this process."""
        return self._running and self._process == os.getpid()

    def readiness(self) -> tuple[bool, dict[str, dict[str, Any]]]:
        """Whether predictions can be answered in this process, and what each health check says, from which it follows.

        Read from memory.
        """
        report = self.health.report()
        spared = self._spared()
        counted = {name: check for name, check in report.items() if name not in spared}
        return self.started and is_well(counted), report

    def _spared(self) -> set[str]:
        """The checks of plugins whose families are not the only ones that answer: their failure is theirs alone."""
        ready = {self.families.plugin_of(model.family) for model in self.live if model.champion is not None}
        owned = [(name, self.plugins[owner]) for name, owner in self.health.owners.items() if owner in self.plugins]
        return {name for name, owner in owned if self.families.of_plugin(owner.label) and ready - {owner.label}}

    def hooks(self) -> tuple[int, int]:
        """A mark, for `back_to`."""
        return len(self._at_start), len(self._at_stop)

    def back_to(self, mark: tuple[int, int]) -> None:
        """Forget what was registered by `at_start` and `at_stop` since then."""
        del self._at_start[mark[0] :], self._at_stop[mark[1] :]

    def withdraw(self, fault: Fault) -> None:
        """Serve on without a plugin: its families load nothing, nothing of its own is started or counts as health.

        To be called again once all is put together: what the plugin had registered may have come after its failure.
        """
        self.faults.add(fault)
        self.plugins.pop(fault.plugin, None)
        for family in self.families.withdraw(fault.plugin):
            self.prediction_tables.pop(family, None)
        self.health.remove(fault.plugin)

    def start_if_due(self) -> None:
        """Start it for a request, where no start-up of ours has: inside another application, or after a fork."""
        if self._process != os.getpid() and (not self.alone or self._process is not None):
            self.start()

    def start(self) -> None:
        """Open, load and start everything in this process; it stops at the process's normal end.

        Raises ConfigurationError and leaves nothing running.
        """
        with self._lock():
            if self.started:
                return
            if self._process not in (None, os.getpid()):
                # What the parent process opened is the parent's to close: kept, so that it is not finalised either.
                self._inherited, self._at_stop = self._at_stop, []
            try:
                for fault in self.faults:
                    self.withdraw(fault)
                self.faults.log()
                for action, plugin in [*self._at_start]:
                    if plugin is None:
                        action()
                    elif plugin.name not in self.faults:
                        self._start_of(plugin, action)
            except BaseException:
                self._stop()
                raise
            self._running, self._process = True, os.getpid()
            self.health.start()
            self._at_stop.append(self.health.stop)
            atexit.register(self.stop)
            self._at_stop.append(lambda: atexit.unregister(self.stop))
        names = [model.name for model in self.live]
        log.info("started", extra={"fields": {"models": names, "plugins": sorted(self.plugins)}})

    def _start_of(self, plugin: Plugin, action: Callable[[], None]) -> None:
        """What a plugin does at the start; it fails alone. Raises ConfigurationError for what the INI has wrong."""
        try:
            action()
        except BaseException as error:
            if ends_process(error) or isinstance(error, ConfigurationError):
                raise
            self.withdraw(Fault(plugin.name, "start", error, plugin.module.__name__))
            self.faults.log()

    def stop(self) -> None:
        """Stop in order: what was answered is shipped as far as the grace allows, then all is closed."""
        with self._lock():
            if self.started:
                log.info("stopping")
                self._running = False
                self._stop()
                log.info("stopped")

    def _lock(self) -> threading.Lock:
        return self._locks.setdefault(os.getpid(), threading.Lock())

    def _stop(self) -> None:
        while self._at_stop:
            action = self._at_stop.pop()
            try:
                action()
            except Exception:
                log.exception("stop_failed", extra={"fields": {"action": repr(action)}})
