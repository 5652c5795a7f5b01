"""A server is mistreated under full load; then it is checked that no answer is lost. Exits 1 where one is."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Soak, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    default = Soak()
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of load")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default=default.database)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of all that is drawn by chance")
    parser.add_argument("--way", default=default.way, help="of the log")
    parser.add_argument("--workers", type=int, default=default.workers)
    parser.add_argument("--clients", type=int, default=default.clients, help="processes that ask")
    parser.add_argument("--threads", type=int, default=default.threads, help="of each of them")
    asked = Soak(**vars(parser.parse_args()))
    folder = Path(tempfile.mkdtemp(prefix="mlserve-soak-"))
    report = soak(asked, folder)
    print(*report.lines, sep="\n")
    if report.reasons:
        print("", "It is not well:", *report.reasons, f"All of it is in {folder}", sep="\n")
        return 1
    shutil.rmtree(folder)
    print("All is well.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
