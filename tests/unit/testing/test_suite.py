"""A suite that cannot fail proves nothing: each of its checks fails for a family that breaks its rule, and says why."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mlserve.testing import ContractSuite
from tests.unit.testing.broken import families, predictors, resources
from tests.unit.testing.broken.plugin import Broken

ROOT = Path(__file__).parents[3]
CASES = {
    case: module.__file__
    for module in (families, predictors, resources)
    for case in vars(module).values()
    if isinstance(case, type) and "breaks" in vars(case)
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What pytest says of each case's one check, by the case's name; a case that passes is missing."""
    folder = tmp_path_factory.mktemp("broken")
    tests = [f"{file}::{case.__name__}::{case.breaks.__name__}" for case, file in CASES.items()]
    options = ["-q", "-n0", "-p", "no:cacheprovider", f"--basetemp={folder}/tests", f"--junitxml={folder}/report.xml"]
    done = subprocess.run([sys.executable, "-m", "pytest", *options, *tests], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr
    said = {}
    for case in ElementTree.parse(folder / "report.xml").getroot().iter("testcase"):
        for failure in (*case.iter("failure"), *case.iter("error")):
            said[case.attrib["classname"].rpartition(".")[2]] = failure.attrib["message"]
    return said


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(600)  # The first one waits for all of them.
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_check_fails_for_who_breaks_its_rule_and_says_why(case: type[Broken], failures: Mapping[str, str]) -> None:
    assert case.__name__ in failures, f"{case.breaks.__name__} passes, and should not"
    said = failures[case.__name__]
    assert re.search(case.says, said), said


def test_every_check_of_the_suite_has_a_family_that_it_fails_for() -> None:
    checks = {name for name in dir(ContractSuite) if name.startswith("test_")}
    assert {case.breaks.__name__ for case in CASES} == checks
