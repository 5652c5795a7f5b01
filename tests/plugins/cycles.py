"""Loads and unloads one model again and again in this process, and tells what memory stays.

`python -m tests.plugins.cycles PLUGIN ARTEFACT SETTINGS INSTANCES FIRST LAST` prints the resident bytes after FIRST and
after LAST cycles as a JSON list; SETTINGS and INSTANCES are JSON.
"""

import gc
import json
import os
import sys
from pathlib import Path

from mlserve.testing.subject import Subject, answer_of, batch_of


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(plugin: str, artefact: str, settings: str, instances: str, first: str, last: str) -> None:
    subject, asked, found = Subject.of(plugin, Path(artefact), json.loads(settings)), json.loads(instances), []
    for number in range(1, int(last) + 1):
        loaded = subject.load()
        answer_of(loaded, batch_of(loaded, asked))
        loaded.close()
        if number in (int(first), int(last)):
            found.append(resident())
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
