"""`make bench`: mlserve, its peers and the floors on the same work, in turns, on this machine.

Servers are started one after the other, and stand still but for the one that is loaded, in an order drawn anew for each
round. What is printed are medians of the rounds, their ranges, and each target with both sides of it.
"""

import argparse
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report
from benchmarks.keep_up import keep_up
from benchmarks.load import require_wrk
from benchmarks.models import ROWS
from benchmarks.peers import ON_REQUEST, SERVERS, USUAL
from benchmarks.peers.server import Failed, NotInstalled
from benchmarks.rounds import Run
from benchmarks.works import NAMES, Work, works

# Of single rows, whose answers are checked in a run that only looks whether it works.
QUICK_ROWS = 50
RESULTS = Path(__file__).with_name("results")


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["report"]:
        return _report(arguments[1:])
    options = _options(arguments)
    around = {
        "wrk": require_wrk(),
        "machine": report.machine(),
        "python": platform.python_version(),
        "seconds": options.seconds,
    }
    print(f"{around['machine']}; {around['wrk']}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        run = measure(options, Path(name))
    now = datetime.now(UTC)
    around |= {"date": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
    path = options.results / f"{now:%Y%m%dT%H%M%SZ}.json"
    report.write(path, run.measurements, around)
    print(f"\n{report.tables(run.measurements, around)}\n")
    for line in run.missing:
        print(f"Left out: {line}")
    for line in run.failed:
        print(f"Failed: {line}")
    print(f"Written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}.")
    return 1 if run.failed else 0


def measure(options: argparse.Namespace, folder: Path) -> Run:
    run = Run(folder, options.seconds, options.repeats, _say, warm_up=not options.quick)
    todo = works(options.work, folder, options.connections, QUICK_ROWS if options.quick else ROWS)
    run.all(todo, options.servers, time_starts=not options.quick)
    if options.keep_up and "mlserve" in options.servers:
        single = next((work for work in todo if work.name == "single"), None)
        _keep_up(run, single or works(["single"], folder)[0], options.keep_up, folder)
    return run


def _keep_up(run: Run, work: Work, seconds: float, folder: Path) -> None:
    for database in ("sqlite", "postgresql"):
        try:
            found, said = keep_up(work, folder / f"keep-up-{database}", seconds, database)
        except NotInstalled as error:
            run.missing.append(f"{database}: {error}")
        except Failed as error:
            run.failed.append(f"mlserve into {database}: {error}")
        else:
            run.measurements.append(found)
            _say(f"{seconds:g} s into {database}: mlserve {said}.")


def _say(line: str) -> None:
    print(line, flush=True)


def _report(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description="The tables of a run.")
    parser.add_argument("file", type=Path, help="a file of benchmarks/results")
    parser.add_argument("--fill", action="store_true", help="put them into docs/explanation/performance.md")
    options = parser.parse_args(arguments)
    try:
        found, around = report.read(options.file)
    except OSError as error:
        parser.error(f"{options.file} cannot be read: {error.strerror}")
    except (ValueError, TypeError, AttributeError):
        parser.error(f"{options.file} is not what a run writes into benchmarks/results")
    if not found:
        parser.error(f"{options.file} has no measurements")
    text = report.tables(found, around)
    if options.fill:
        report.fill(report.PAGE, text)
    else:
        print(text)
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of a second each: whether it works, no figures")
    parser.add_argument("--work", nargs="+", choices=NAMES, default=list(NAMES), metavar="WORK", help=", ".join(NAMES))
    servers = f"{', '.join(SERVERS)}; all but {', '.join(ON_REQUEST)} where none is named"
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=USUAL, metavar="SERVER", help=servers)
    parser.add_argument("--connections", nargs="+", type=int, metavar="N", help="of single rows, instead of 1 and 16")
    parser.add_argument("--repeats", type=int, help="rounds beside the warm-up (4)")
    parser.add_argument("--seconds", type=int, help="of each load (3)")
    parser.add_argument(
        "--keep-up", type=int, metavar="S", help="seconds of the load that the shipper is to keep up with (60)"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the JSON")
    options = parser.parse_args(arguments)
    usual = (1, 1, 0) if options.quick else (4, 3, 60)
    for name, value in zip(("repeats", "seconds", "keep_up"), usual, strict=True):
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
