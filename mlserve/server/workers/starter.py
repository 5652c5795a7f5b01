"""Starts all processes of a supervisor: by forks of a template, or in interpreters of their own."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from mlserve.server.workers.child import Child
from mlserve.server.workers.good_ini import GoodIni
from mlserve.server.workers.prctl import adopt_orphans
from mlserve.server.workers.starting import NotForked, Start, Template, in_an_interpreter

log = logging.getLogger("mlserve.workers")

# For so long a template may import, in seconds: until it has, nothing that dies is replaced.
LONGEST = 30.0
# For so long a template waits for another one that is to be started, in seconds.
IDLE = 5.0


class Starter:
    """Of the processes of one INI, which is good when a start or a reload with it has succeeded.

    A template lives while one of these goes on, or something dead is replaced, and no longer. Each page that all
    processes write to it would keep a copy of, which is more than it saves; and what is replaced has the code on the
    disk.
    """

    TEMPLATE = "mlserve.server.workers.template"

    def __init__(self, ini: Path, modules: Sequence[str]) -> None:
        """`modules` are what a template imports."""
        self._ini = ini
        self._modules = modules
        self._good_ini = GoodIni(ini)
        self._is_beginning = False
        self._patience: float | None = None  # None: nothing is imported beforehand
        self._template: Template | None = None
        self._used = 0.0
        self._is_told = False  # why it is not used

    @property
    def templates(self) -> list[Template]:
        """Those that run, one at most."""
        return [] if self._template is None or self._template.closed else [self._template]

    def settle(self) -> bool:
        """Give up a template that takes too long; whether there is one, or never will be. It is the one until it is
        dropped.
        """
        template = self._template
        if template is not None and not template.is_settled and template.age > (self._patience or 0.0):
            template.close("importing takes too long")
        return template is None or template.is_settled

    def begin(self) -> None:
        """A start or a reload begins: from now on processes read the INI itself."""
        self._good_ini.begin()
        self._is_beginning = True

    def preload(self, patience: float | None) -> None:
        """From now on processes are forked, and a template has so many seconds to import all; None: they are not."""
        self._patience = patience
        self.close()
        if patience is not None:
            self._make_template()

    def give_up(self) -> None:
        """The INI that was good before is so again."""
        self._good_ini.give_up()
        self._is_beginning = False
        self.close()

    def succeed(self) -> None:
        """All processes have started from what has begun."""
        self._good_ini.succeed()
        self._is_beginning = False
        self.close()

    def child(self, module: str, arguments: Sequence[str | int]) -> Child | None:
        """Started; its arguments are the INI and these, of which the numbers are descriptors. Raises OSError.

        None while a template for it is made.
        """
        if self._patience is None:
            return self._child(module, arguments, in_an_interpreter)
        if self._template is None:
            self._make_template()
        if not self.settle():
            return None
        template = self._template
        if template is not None and template.is_ready:
            self._used = time.monotonic()
            try:
                return self._child(module, arguments, template.start)
            except NotForked as failed:
                self._tell(str(failed))
        elif template is not None:
            self._tell(template.reason)
            if not template.was_ready:
                self._patience = None  # The next one would not be, either.
        return self._child(module, arguments, in_an_interpreter)

    def tend(self) -> None:
        """Drop a template that nobody needs any more."""
        if not self._is_beginning and self.settle() and time.monotonic() - self._used > IDLE:
            self.close()

    def close(self) -> None:
        """Drop the template."""
        if self._template is not None:
            self._template.close("it is not needed")
        self._template = None

    def _make_template(self) -> None:
        self._used, self._is_told = time.monotonic(), False
        try:
            adopt_orphans()
            copy = self._good_ini.copy()
            self._template = Template(self.TEMPLATE, copy or self._ini, self._modules, copy)
        except OSError as error:
            self._tell(str(error))
            self._patience = None  # The next one would not be made, either.

    def _child(self, module: str, arguments: Sequence[str | int], start: Start) -> Child:
        copy = self._good_ini.copy()
        return Child(module, [str(copy or self._ini), *arguments], copy, start)

    def _tell(self, reason: str) -> None:
        """Why processes are started in interpreters of their own, once of each template."""
        if not self._is_told:
            log.warning("template_not_used", extra={"fields": {"reason": reason}})
        self._is_told = True
