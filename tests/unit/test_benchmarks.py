"""What `make bench` makes of its rounds."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.load import Measurement, write_bodies
from benchmarks.models import Model
from benchmarks.peers import ON_REQUEST, SERVERS, USUAL
from benchmarks.peers.mlserve_server import production
from benchmarks.targets import RPS, TARGETS, Target, rounds_of, target_rows, verdict
from benchmarks.works import NAMES

ONE = Measurement(
    server="mlserve",
    version="mlserve 1",
    work="single",
    connections=16,
    workers=2,
    round=1,
    requests=300,
    requests_per_s=100.0,
    p50_ms=1.0,
    p99_ms=3.0,
    cpu_ms_per_request=0.2,
    pss_mib=150.0,
    errors=0,
)
AROUND = {"date": "2026-11-23T00:00:00Z", "machine": "a machine", "python": "3.11", "wrk": "wrk 4", "seconds": 3}


def rounds(server: str, *rates: float, **fields: object) -> Iterator[Measurement]:
    for number, rate in enumerate(rates, 1):
        yield replace(ONE, server=server, round=number, requests_per_s=rate, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ([250, 260, 255], [100, 105, 104], "not met, ranges overlap"),
        ([270, 280, 275], [100, 105, 104], "met"),
        ([200, 220, 210], [100, 105, 110], "not met"),
        ([300, 240, 310], [100, 105, 110], "met, ranges overlap"),
        ([300, 310], [100, 105, 110], "too few rounds to tell"),
        ([300, 310, 320], [100, 105], "too few rounds to tell"),
    ],
)
def test_a_target_is_met_or_not_where_the_rounds_tell(ours: list[float], theirs: list[float], said: str) -> None:
    target = Target("", "single", 16, "mlserve", ("fastapi",), RPS, 2.5)
    assert verdict(target, ours, theirs) == said


def test_what_is_to_be_small_is_met_below_its_bound() -> None:
    target = Target("", "single", 1, "mlserve", ("fastapi",), "p50_ms", 0.5, at_least=False)
    assert verdict(target, [4, 4, 4], [10, 10, 10]) == "met"
    assert verdict(target, [6, 6, 6], [10, 10, 10]) == "not met"


def test_the_best_of_several_peers_is_the_one_that_counts() -> None:
    found = [*rounds("mlserve", 1000, 1100, 1200), *rounds("mlserver", 50, 60, 70, cpu_ms_per_request=1.0)]
    found += rounds("mlserver-batching", 200, 220, 230, cpu_ms_per_request=0.6)
    row = next(row for row in target_rows(found) if "exact" in row.what and "mlserver" in row.theirs)
    assert (row.theirs, row.ratio, row.cpu, row.met) == (
        "mlserver-batching 220/s (200-230)",
        "5.00",
        "3.00",
        "met, ranges overlap",
    )


def test_what_was_not_measured_has_a_line_too() -> None:
    found = target_rows([])
    assert len(found) == len(TARGETS)
    assert {row.met for row in found} == {"not measured"}


def test_a_shipper_keeps_up_that_is_soon_done_after_the_load() -> None:
    kept = replace(ONE, work="keep-up-sqlite", requests=6000, requests_per_s=100.0, backlog_mib=1.0, drain_s=5.9)
    late = replace(kept, drain_s=6.1)
    assert [row.met for row in target_rows([kept]) if "SQLite" in row.what] == ["met"]
    assert [row.met for row in target_rows([late]) if "SQLite" in row.what] == ["not met"]


def test_rounds_are_found_in_their_order() -> None:
    found = [replace(ONE, round=2), replace(ONE, round=1), replace(ONE, server="flask"), replace(ONE, connections=1)]
    assert [one.round for one in rounds_of(found, "mlserve", "single", 16)] == [1, 2]


def test_every_target_names_servers_and_works_that_exist() -> None:
    for target in TARGETS:
        assert {target.ours, *target.theirs} <= set(SERVERS)
        assert target.work.startswith("keep-up-") or target.work in NAMES
        servers = [SERVERS[name]() for name in (target.ours, *target.theirs)]
        assert target.work not in NAMES or all(
            target.work in server.works or server.name in ON_REQUEST + tuple(target.theirs[1:]) for server in servers
        )
    assert {*USUAL, *ON_REQUEST} == set(SERVERS)


def test_a_run_is_a_list_of_measurements_and_its_tables_go_into_the_page(tmp_path: Path) -> None:
    path, page = tmp_path / "run.json", tmp_path / "page.md"
    found = [*rounds("mlserve", 1000, 1100, 1200), *rounds("fastapi", 300, 310, 320)]
    report.write(path, found, AROUND)
    whole = json.loads(path.read_text())
    assert [(one["server"], one["requests_per_s"], one["machine"]) for one in whole[:1]] == [
        ("mlserve", 1000, "a machine")
    ]
    assert report.read(path) == (found, AROUND)
    text = report.tables(*report.read(path))
    assert "| 1,100/s (1,000-1,200) | fastapi 310/s (300-320) | 3.55 |" in text
    page.write_text(f"Before\n{report.BEGIN}\nold\n{report.END}\nAfter\n")
    report.fill(page, text)
    assert page.read_text() == f"Before\n{report.BEGIN}\n{text}\n{report.END}\nAfter\n"
    page.write_text("Nothing")
    with pytest.raises(SystemExit):
        report.fill(page, text)


def test_the_page_has_its_marks_and_names_every_server() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert page.index(report.BEGIN) < page.index(report.END)
    for name in SERVERS:
        assert f"`{name}`" in page


def test_bodies_may_hold_any_bytes(tmp_path: Path) -> None:
    path = write_bodies(tmp_path / "bodies", [b"a\nb", b"\0"])
    assert path.read_bytes() == b"3\na\nb\n1\n\0\n"


def test_the_ini_is_that_of_production_with_the_settings_of_the_run() -> None:
    settings = {"mlserve.log.way": "off", "mlserve.database.url": "sqlite:///x", "port": "1"}
    lines = production(settings, "mlserve.models.bc = x.ubj").splitlines()
    assert "mlserve.log.way = off" in lines
    assert "mlserve.database.url = sqlite:///x" in lines
    assert [line for line in lines if line.startswith("port")] == ["port = 1", "port = 1"]
    assert "mlserve.models.bc = x.ubj" in lines
    with pytest.raises(SystemExit):
        production({"mlserve.unknown": "1"}, "")


def test_missing_cells_and_categories_become_what_the_library_takes(tmp_path: Path) -> None:
    fields = [{"name": "a", "type": "float32"}, {"name": "b", "type": "category", "categories": ["x", "y"]}]
    (tmp_path / "m.ubj.signature.json").write_text(json.dumps({"inputs": fields}))
    model = Model("m", tmp_path / "m.ubj", [{"a": 1.5, "b": "y"}, {"a": None, "b": "new"}], [])
    np.testing.assert_array_equal(model.matrix, np.array([[1.5, 1], [np.nan, 2]], np.float32))
    assert model.labels([np.float32(1)]) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [(None, "No such file"), ("{", "is not what a run writes"), ("[1]", "is not what a run writes"), ("[]", "has no")],
)
def test_a_file_that_is_no_run_is_told_in_a_sentence(
    text: str | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["report", str(path)])
    assert f"{path} " in (told := capsys.readouterr().err)
    assert says in told
