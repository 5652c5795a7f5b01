"""The checks as JUnit XML, which every CI reads: one test case each."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

from mlserve.checks.check import Check

# What XML 1.0 has no form for, not even escaped.
_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
        suites, "testsuite", {"name": _clean(name), **counts, "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}"}
    )
    for check in checks:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": _clean(f"mlserve.{name}"), "name": _clean(check.name), "time": f"{check.seconds:.6f}"},
        )
        text = _clean("\n".join([check.sentence, *check.details]))
        if check.state == "passed":
            ElementTree.SubElement(case, "system-out").text = text
        else:
            kind = {"failed": "failure", "skipped": "skipped"}[check.state]
            ElementTree.SubElement(case, kind, {"message": _clean(check.sentence)}).text = text
    ElementTree.indent(suites)
    document: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
