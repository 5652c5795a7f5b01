"""What the fork server of `servers.py` does before it forks the first server: it builds one that is never started.

A process of its own would do again what that takes: import all of it, and look for what is installed. Nothing is opened
and no thread begins, so a fork finds everything as a program of its own would.
"""

import gc
import tempfile
import warnings

from pyramid.scripts import pserve  # noqa: F401

import mlserve.db.migrate
import mlserve.server.runner  # noqa: F401
from mlserve.startup import build
from tests.installed import remember_entry_points

remember_entry_points()
with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
    warnings.simplefilter("ignore")
    build({"mlserve.var": folder}, here=None, environ={}).make_wsgi_app()
gc.collect()
gc.freeze()  # No fork looks through it again, nor copies it.
