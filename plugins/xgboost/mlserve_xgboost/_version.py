"""The one place that says the version: `setup.py` of the core and of the bundled plugins read it without importing."""

__version__ = "0.1.0"
