"""The Python client under the server's own name: `mlserve_client`, which is a distribution of its own."""

from mlserve_client import *  # noqa: F403
