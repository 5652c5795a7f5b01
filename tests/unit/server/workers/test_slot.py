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
