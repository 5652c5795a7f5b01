import time
from pathlib import Path

from mlserve.server.workers.child import SILENCE, Child
from mlserve.server.workers.section import Section
from mlserve.server.workers.slot import Slot
from tests.factories import until

PATIENCE = 30.0


def test_a_short_silence_is_no_hang_however_short_a_request_may_take(tmp_path: Path) -> None:
    section = Section(request_timeout=0.5)
    arguments = [str(tmp_path / "w.ini"), "workers"]
    slot = Slot("worker-1", lambda: Child("tests.unit.server.workers.stand_in", arguments), section, 0.0)
    slot.renew(section)
    try:
        child = slot.coming
        assert child is not None
        until(lambda: child.listen() or child.ready, PATIENCE)
        slot.tend()
        child._heard = time.monotonic() - (SILENCE - 1)
        slot.tend()
        assert slot.holder is child
        child._heard = time.monotonic() - (SILENCE + 1)
        slot.tend()
        assert slot.holder is None
    finally:
        slot.leave()
        slot.kill()
        until(lambda: slot.tend() or not slot.children, PATIENCE)


def test_one_that_cannot_be_started_yet_is_tried_again(tmp_path: Path) -> None:
    section = Section()
    found: list[Child | None] = [None, None]
    slot = Slot("worker-1", lambda: found.pop(0), section, 0.0)
    slot.renew(section)
    assert slot.is_renewing
    slot.tend()
    assert (found, slot.is_renewing, slot.failed_start) == ([], True, False)
    child = Child("tests.unit.server.workers.stand_in", [str(tmp_path / "w.ini"), "workers"])
    found.append(child)
    slot.tend()
    assert slot.coming is child
    until(lambda: child.listen() or slot.tend() or slot.holder is child, PATIENCE)
    assert slot.is_filled
    found.append(None)
    slot.renew(section)  # As the lane is healed: the one that is there goes on.
    assert (slot.holder, slot.is_filled) == (child, False)
    slot.leave()
    slot.kill()
    until(lambda: slot.tend() or not slot.children, PATIENCE)
    assert not slot.is_renewing
