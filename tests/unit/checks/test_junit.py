from datetime import UTC, datetime
from xml.etree import ElementTree

from mlserve.checks import Check
from mlserve.checks.junit import junit

CHECKS = [
    Check("golden", "passed", "All as before.", seconds=1.5),
    Check("fit", "failed", 'Row <1> & "two"', ("x: \x00\x1b\ud800",), 0.25),
    Check("scores", "skipped", "No target."),
]


def test_one_case_a_check_that_any_reader_of_xml_takes() -> None:
    root = ElementTree.fromstring(junit("late", CHECKS, datetime(2026, 11, 23, 6, tzinfo=UTC)))
    assert root.tag == "testsuites"
    (suite,) = root
    assert {key: suite.get(key) for key in ("name", "tests", "failures", "errors", "skipped", "time", "timestamp")} == {
        "name": "late",
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "time": "1.750000",
        "timestamp": "2026-11-23T06:00:00",
    }
    assert [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in suite] == [
        ("mlserve.late", "golden", ["system-out"]),
        ("mlserve.late", "fit", ["failure"]),
        ("mlserve.late", "scores", ["skipped"]),
    ]
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == 'Row <1> & "two"'
    assert failure.text == 'Row <1> & "two"\nx: ���'
