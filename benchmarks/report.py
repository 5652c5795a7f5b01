"""What a run found, as tables: of every server, and of the targets."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load import Measurement
from benchmarks.models import ROOT
from benchmarks.targets import CPU, P50, P99, PSS, RPS, START, figures_of, rounds_of, target_rows

PAGE = ROOT / "docs" / "explanation" / "performance.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"

# Heading, figure, form.
_COLUMNS = (
    ("requests/s", RPS, ",.0f"),
    ("p50 ms", P50, ".2f"),
    ("p99 ms", P99, ".2f"),
    ("CPU ms a request", CPU, ".3f"),
)
_OWN = {field.name for field in fields(Measurement)}


def machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}"


def write(path: Path, measurements: Iterable[Measurement], around: dict[str, Any]) -> None:
    """One object a measurement, each with the date, the machine and the tools of the run."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(found) | around for found in measurements], indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> tuple[list[Measurement], dict[str, Any]]:
    """What `write` has written."""
    whole: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    around = {name: value for name, value in whole[0].items() if name not in _OWN} if whole else {}
    return [Measurement(**{name: found[name] for name in _OWN if name in found}) for found in whole], around


def tables(found: Sequence[Measurement], around: dict[str, Any]) -> str:
    """In Markdown: the targets, then all servers work by work, then what they are made of."""
    parts = [
        f"{around['date'][:10]}, {around['machine']}, Python {around['python']}, {around['wrk']}; medians of "
        f"{max((one.round for one in found), default=0)} rounds of {around['seconds']:g} s, least and most in "
        "parentheses. The CPU ratio is theirs to ours, a request.",
        _markdown(
            ("work, connections: figure", "mlserve", "compared with", "ratio", "CPU ratio", "target", ""),
            [(row.what, row.ours, row.theirs, row.ratio, row.cpu, row.target, row.met) for row in target_rows(found)],
        ),
        _markdown(
            ("work", "connections", "server", "processes", *(head for head, _, _ in _COLUMNS), "PSS MiB", "start s"),
            _figures(found),
        ),
        "\n".join(f"- {server}: {version}" for server, version in {one.server: one.version for one in found}.items()),
    ]
    return "\n\n".join(parts)


def fill(page: Path, text: str) -> None:
    """Put it between the page's two marks. Raises SystemExit where they are missing."""
    whole = page.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no lines {BEGIN} and {END}.")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _figures(found: Sequence[Measurement]) -> list[tuple[str, ...]]:
    lines = []
    for work, connections in dict.fromkeys((one.work, one.connections) for one in found):
        servers = dict.fromkeys(one.server for one in found)
        rounds = [rounds_of(found, server, work, connections) for server in servers]
        for some in sorted(filter(None, rounds), key=lambda some: -median(figures_of(some, RPS))):
            cells = [_cell(figures_of(some, figure), form) for _, figure, form in _COLUMNS]
            starts = figures_of(some, START)
            start = f"{median(starts):.1f}" if starts else ""
            pss = f"{median(figures_of(some, PSS)):,.0f}"
            lines.append((work, str(connections), some[0].server, str(some[0].workers), *cells, pss, start))
    return lines


def _cell(some: Sequence[float], form: str) -> str:
    text = format(median(some), form)
    return text if len(some) == 1 else f"{text} ({format(min(some), form)}-{format(max(some), form)})"


def _markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    whole = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in whole)
