"""Programs that tests need beside what comes by pip: Chromium, Prometheus."""

import os
import shutil

import pytest

REQUIRED = "MLSERVE_REQUIRE_TOOLS"


def tool(*names: str) -> str:
    """The path of the first of these programs that this machine has.

    Without one the test is skipped, or fails where `CI` or MLSERVE_REQUIRE_TOOLS=1 says that none may be missing.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    reason = f"{names[0]} is not installed: apt-get install brings it"
    if os.environ.get("CI") or os.environ.get(REQUIRED) == "1":
        pytest.fail(reason)
    pytest.skip(reason)
