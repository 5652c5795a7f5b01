import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, os, sys, threading
from mlserve.server.workers.pinning import keep_to_one
ended, found = threading.Event(), {}
before = threading.Thread(target=ended.wait)
before.start()
keep_to_one(int(sys.argv[1]))
after = threading.Thread(target=ended.wait)
after.start()
print(json.dumps([sorted(os.sched_getaffinity(it.native_id)) for it in (threading.main_thread(), before, after)]))
ended.set()
"""


@pytest.mark.parametrize("number", [1, 2, 3])
def test_all_threads_keep_to_the_same_one_of_the_allowed_processors(number: int) -> None:
    allowed = sorted(os.sched_getaffinity(0))
    told = subprocess.run([sys.executable, "-c", PROGRAM, str(number)], capture_output=True, check=True, text=True)
    assert json.loads(told.stdout) == [[allowed[(number - 1) % len(allowed)]]] * 3
