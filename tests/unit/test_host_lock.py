"""One holder a host; the lock goes with its holder."""

import os
import subprocess
import sys
from pathlib import Path

from mlserve.host_lock import HostLock

_HOLD = """
import sys
from pathlib import Path
from mlserve.host_lock import HostLock
lock = HostLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""


def test_only_one_takes_the_lock_until_it_is_released(tmp_path: Path) -> None:
    first, second = HostLock(tmp_path / "spool" / "lock"), HostLock(tmp_path / "spool" / "lock")
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    assert second.take()
    second.release()


def test_a_killed_holder_gives_the_lock_free(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _HOLD, str(tmp_path / "lock")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    lock = HostLock(tmp_path / "lock")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    assert not lock.take()
    holder.kill()
    holder.communicate()
    assert lock.take()
    lock.release()


def test_a_forked_child_does_not_believe_it_holds_its_parents_lock(tmp_path: Path) -> None:
    lock = HostLock(tmp_path / "lock")
    assert lock.take()
    child = os.fork()
    if not child:
        os._exit(1 if lock.take() else 0)
    assert os.waitpid(child, 0)[1] == 0
    lock.release()
