"""Alembic's environment and the core's revisions; see `mlserve.db.migrate`."""
