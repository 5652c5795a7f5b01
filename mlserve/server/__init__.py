"""The server of `[server:main]`: waitress, whose loop answers short predictions (`egg:pyramid-mlserve#waitress`).

`egg:waitress#main` serves the same application, with every request in a thread.
"""

from mlserve.server.runner import serve

__all__ = ["serve"]
