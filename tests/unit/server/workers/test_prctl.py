import ctypes
import subprocess
import sys

import pytest

from mlserve.server.workers import prctl


def test_a_process_has_the_first_15_bytes_of_its_name() -> None:
    program = """
from pathlib import Path
from mlserve.server.workers.prctl import name_process
name_process("mlserve-shipper-and-more")
print(Path("/proc/self/comm").read_text(), end="")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "mlserve-shipper\n"


def test_what_the_kernel_refuses_is_told() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        prctl._prctl(-1, ctypes.c_ulong(0))
