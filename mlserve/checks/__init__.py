"""Checks of a packed model before it goes live: each gives one sentence, and all of them run. Knows no Pyramid."""

from mlserve.checks.bounds import Bound, Tolerances, read_bound, read_tolerances
from mlserve.checks.check import Check
from mlserve.checks.suite import Asked, Other, run

__all__ = ["Asked", "Bound", "Check", "Other", "Tolerances", "read_bound", "read_tolerances", "run"]
