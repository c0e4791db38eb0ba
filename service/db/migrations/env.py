"""Alembic's entry into the migrations; the connection, with its transaction, comes from ``service.db.engine.upgrade``."""

from alembic import context

from service.db.rows import Row

context.configure(connection=context.config.attributes["connection"], target_metadata=Row.metadata)
with context.begin_transaction():
    context.run_migrations()
