"""What has failed of the enabled plugins, and of what the INI declares: told, and kept away from all the rest."""

import logging
import signal
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

log = logging.getLogger("mlserve.plugins")


@dataclass(frozen=True)
class Fault:
    """A plugin that has failed: its name in the INI, what of it has failed, and with what."""

    plugin: str
    part: str  # such as "import" or "includeme"
    error: BaseException = field(compare=False)
    module: str = ""

    @property
    def told(self) -> str:
        """For everybody: what an exception says may tell of hosts and paths, so that only its class is named."""
        return f"the plugin {self.plugin} has failed ({self.part}: {type(self.error).__name__})"

    @property
    def reason(self) -> str:
        """For the operator: what was raised and the plugin's line that led to it, in the room of one sentence."""
        return f"{self.part} fails: {told_with_line(self.error, self.module or self.plugin)}"


class Faults:
    """The faults of one application: one a plugin, the first.

    `not_as_declared` are the models that the INI declares, and that a plugin keeps from being served so: a sentence by
    the model's name.
    """

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._logged: set[str] = set()
        self.not_as_declared: dict[str, str] = {}

    def add(self, fault: Fault) -> None:
        self._faults.setdefault(fault.plugin, fault)

    def get(self, plugin: str) -> Fault | None:
        return self._faults.get(plugin)

    def __contains__(self, plugin: object) -> bool:
        return plugin in self._faults

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def __len__(self) -> int:
        return len(self._faults)

    def log(self) -> None:
        """Log each fault once, with its traceback; from the start on, when the log has its handlers."""
        for fault in self:
            if fault.plugin not in self._logged:
                self._logged.add(fault.plugin)
                fields = {"plugin": fault.plugin, "part": fault.part, "reason": fault.reason}
                log.error("plugin_failed", extra={"fields": fields}, exc_info=fault.error)


def told_with_line(error: BaseException, module: str) -> str:
    """What was raised, and the line of the package of `module` that led to it; of any package where none of its did."""
    frames, package = list(traceback.walk_tb(error.__traceback__)), module.partition(".")[0]
    inside = [at for at in frames if at[0].f_globals.get("__name__", "").partition(".")[0] == package]
    said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".: ")
    return f"{said}{_line(*(inside or frames)[-1]) if frames else ''}."


def _line(frame: FrameType, line: int) -> str:
    return f" ({frame.f_code.co_filename}, line {line})"


def ends_process(error: BaseException) -> bool:
    """Whether a signal has raised it to end the process: Ctrl-C, or whatever a server does at SIGTERM.

    What a plugin's own code raises, `sys.exit()` too, is a failure of that plugin and ends nothing else.
    """
    if isinstance(error, Exception) or threading.current_thread() is not threading.main_thread():
        return False
    if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        return True
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))
