"""The SQL database: engine, column types, metadata and migrations. SQLite by default, PostgreSQL when you grow."""
