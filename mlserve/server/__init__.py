"""The server of `[server:main]`: waitress, whose loop answers short predictions (`egg:pyramid-mlserve#waitress`).

`egg:waitress#main` serves the same application, with every request in a thread.
"""

from typing import Any

__all__ = ["serve"]


def serve(app: Any, global_conf: Any = None, **settings: str) -> int:
    """As `runner.serve` (`paste.server_runner`), which the workers' supervisor, in this package too, does not need."""
    from mlserve.server import runner

    return runner.serve(app, global_conf, **settings)
