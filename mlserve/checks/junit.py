"""The checks as JUnit XML, which every CI reads: one test case each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from mlserve.checks.check import Check
from mlserve.xml_text import writable


def junit(name: str, checks: Sequence[Check], at: datetime | None = None) -> bytes:
    """The XML document of one suite of checks of the model `name`; a sentence is the case's message or its output."""
    counts = {
        "tests": str(len(checks)),
        "failures": str(sum(check.state == "failed" for check in checks)),
        "errors": "0",
        "skipped": str(sum(check.state == "skipped" for check in checks)),
        "time": f"{sum(check.seconds for check in checks):.6f}",
    }
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    suites = ElementTree.Element("testsuites", {"name": "mlserve test", **counts})
    suite = ElementTree.SubElement(
        suites, "testsuite", {"name": writable(name), **counts, "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}"}
    )
    for check in checks:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": writable(f"mlserve.{name}"), "name": writable(check.name), "time": f"{check.seconds:.6f}"},
        )
        text = writable("\n".join([check.sentence, *check.details]))
        if check.state == "passed":
            ElementTree.SubElement(case, "system-out").text = text
        else:
            kind = {"failed": "failure", "skipped": "skipped"}[check.state]
            ElementTree.SubElement(case, kind, {"message": writable(check.sentence)}).text = text
    ElementTree.indent(suites)
    document: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"
