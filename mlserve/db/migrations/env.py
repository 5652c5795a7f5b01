"""Run by alembic for each command; the connection and its transaction are those of `mlserve.db.migrate`."""

from alembic import context

from mlserve.db.revisions import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    # The transaction is ours, begun before alembic looks at the database, on SQLite too.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
