"""`make bench` on real servers, as short as it can be: it must not rot between the runs that count."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.__main__ import main

FIGURES = ("requests_per_s", "p50_ms", "p99_ms", "cpu_ms_per_request", "pss_mib")


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_a_quick_run_finds_the_answers_right_and_writes_a_measurement_of_each_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--quick", "--work", "single", "--servers", "mlserve", "floor", "--connections", "16"]
    assert main([*arguments, "--results", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "mlserve: 50 answers are the library's" in said
    assert "counted answers: none is lost" in said
    (path,) = tmp_path.iterdir()
    found = json.loads(path.read_text())
    assert {one["server"]: (one["work"], one["connections"], one["workers"]) for one in found} == {
        "mlserve": ("single", 16, 2),
        "floor": ("single", 16, 2),
    }
    for one in found:
        assert one["errors"] == 0
        assert one["requests"] > 0
        assert all(one[figure] > 0 for figure in FIGURES)
        assert one["version"]
        assert one["machine"]
        assert path.stem[:8] == one["date"][:10].replace("-", "")
    assert next(one for one in found if one["server"] == "mlserve")["drain_s"] is not None
    assert main(["report", str(path)]) == 0
    assert capsys.readouterr().out.strip() in said
