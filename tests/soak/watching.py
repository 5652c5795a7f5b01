"""Memory and open files of a server's processes, looked at once a second."""

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
# Between the first and the last quarter of the calm part, a process may grow by so much: threads and caches of one that
# was started a moment ago come with the first requests, and pass for growth where that part is short.
MOST_GROWTH = 12 * MIB
MOST_GROWTH_SOON = 32 * MIB
LONG = 60.0
MOST_NEW_FILES = 10


@dataclass(frozen=True)
class Sample:
    """Resident and proportional memory in bytes, and the number of open descriptors."""

    at: float
    rss: int
    pss: int
    files: int


class Watch:
    """`processes` names those that run, by their ids."""

    def __init__(self, processes: Callable[[], Mapping[int, str]], pause: float = 1.0) -> None:
        self._processes = processes
        self._pause = pause
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.names: dict[int, str] = {}
        self.samples: dict[int, list[Sample]] = defaultdict(list)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._leaving.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._leaving.wait(self._pause):
            for pid, name in self._processes().items():
                if (sample := look(pid)) is not None:
                    self.names[pid] = name
                    self.samples[pid].append(sample)


def look(pid: int) -> Sample | None:
    """None for a process that is gone."""
    place = Path(f"/proc/{pid}")
    try:
        lines = (place / "smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        return Sample(time.monotonic(), sizes["Rss"], sizes["Pss"], sum(1 for _ in (place / "fd").iterdir()))
    except (OSError, KeyError):
        return None


def growth(samples: list[Sample], since: float) -> tuple[int, int] | None:
    """By how many bytes and descriptors the last quarter of what was seen since then is above the first: medians.

    None where there is too little to say.
    """
    calm = [sample for sample in samples if sample.at >= since]
    quarter = len(calm) // 4
    if not quarter:
        return None
    first, last = calm[:quarter], calm[-quarter:]
    bytes_ = statistics.median(one.rss for one in last) - statistics.median(one.rss for one in first)
    files = statistics.median(one.files for one in last) - statistics.median(one.files for one in first)
    return int(bytes_), int(files)


def judge(watch: Watch, since: float) -> tuple[list[str], list[str]]:
    """A line for each process that ran to the end, and what is wrong."""
    lines, reasons = [], []
    end = max((samples[-1].at for samples in watch.samples.values()), default=0.0)
    for pid, samples in watch.samples.items():
        found = growth(samples, since)
        if found is None or samples[-1].at < end - 5:
            continue
        more, files = found
        last = samples[-1]
        name = f"{watch.names[pid]} ({pid})"
        lines.append(
            f"{name}: rss {last.rss / MIB:.0f} MiB, pss {last.pss / MIB:.0f} MiB, {last.files} files;"
            f" {more / MIB:+.1f} MiB, {files:+d} files in the calm part"
        )
        if more > (MOST_GROWTH if end - since >= LONG else MOST_GROWTH_SOON):
            reasons.append(f"{name} grew by {more / MIB:.1f} MiB in {end - since:.0f} s")
        if files > MOST_NEW_FILES:
            reasons.append(f"{name} has {files} descriptors more than {end - since:.0f} s before")
    return lines, reasons
