"""mlserve's fixtures: an application and a real server, on what the tests' `mlserve_settings` says."""

from mlserve.testing.fixtures import mlserve_app, mlserve_server, mlserve_settings

__all__ = ["mlserve_app", "mlserve_server", "mlserve_settings"]
