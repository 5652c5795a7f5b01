"""`mlserve VERB …` in a process of its own, forked from one that has imported what every server imports."""

import warnings
from multiprocessing.process import BaseProcess

from tests.functional.servers import _FORKS


def begun(*arguments: object) -> BaseProcess:
    """The process, at work; to be joined, or killed."""
    process = _FORKS.Process(target=_run, args=([str(one) for one in arguments],), daemon=True)
    process.start()
    return process


def _run(arguments: list[str]) -> None:
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")
    from mlserve.cli import main

    main(arguments)
