"""What is told of a plugin that has failed, and to whom."""

import json
import logging
import signal
import threading
from collections.abc import Callable

import pytest

from mlserve.faults import Fault, Faults, ends_process, told_with_line


def raised(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError


def fault(plugin: str = "beads", text: str = "of /secret/path") -> Fault:
    return Fault(plugin, "import", raised(lambda: {}[text]), __name__)


def test_everybody_is_told_the_class_and_the_operator_the_line_too() -> None:
    one = fault()
    assert one.told == "the plugin beads has failed (import: KeyError)"
    assert one.reason.startswith("import fails: KeyError: 'of /secret/path' (")
    assert one.reason.endswith(").")
    assert f"{__file__}, line " in one.reason


def test_of_each_plugin_the_first_fault_counts_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    faults, first = Faults(), fault()
    assert not len(faults)
    faults.add(first)
    faults.add(fault(text="another"))
    faults.add(fault("pearls"))
    assert (faults.get("beads"), faults.get("none")) == (first, None)
    assert ("beads" in faults, "none" in faults, len(faults)) == (True, False, 2)
    with caplog.at_level(logging.ERROR, "mlserve.plugins"):
        faults.log()
        faults.log()
    told = [(record.message, record.fields["plugin"], record.exc_info is None) for record in caplog.records]  # type: ignore[attr-defined]
    assert told == [("plugin_failed", "beads", False), ("plugin_failed", "pearls", False)]
    assert caplog.records[0].fields["reason"] == first.reason  # type: ignore[attr-defined]


def test_the_line_is_the_package_s_own_where_it_has_one() -> None:
    inner = raised(lambda: json.loads("nonsense"))
    assert f" ({__file__}, line " in told_with_line(inner, "tests.unit")  # Not json's, which is deeper.
    assert "decoder.py, line " in told_with_line(inner, "json")
    assert "decoder.py, line " in told_with_line(inner, "a_package_that_did_nothing")
    assert told_with_line(ValueError("two\n lines."), "tests") == "ValueError: two lines."


def test_what_a_plugin_raises_ends_no_process() -> None:
    for error in (ValueError(), SystemExit(3), MemoryError()):
        assert not ends_process(error)


def test_what_a_signal_raises_ends_the_process() -> None:
    def stop(number: int, frame: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        error = raised(lambda: signal.raise_signal(signal.SIGUSR1))
        assert ends_process(error)
        found: list[bool] = []
        other = threading.Thread(target=lambda: found.append(ends_process(error)))
        other.start()
        other.join()
        assert found == [False]  # Signals come to the main thread only.
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not ends_process(error)


def test_ctrl_c_ends_the_process_where_nobody_else_takes_it() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert ends_process(KeyboardInterrupt())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert not ends_process(KeyboardInterrupt())
    finally:
        signal.signal(signal.SIGINT, before)
