"""Runs the migrations on the connection that the program hands in, or prints nothing and fails without one.

Started by `switch db upgrade` (see `switch.ledger.database`); there is no alembic.ini.
"""

from alembic import context

from switch.ledger import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    compare_server_default=True,
    render_as_batch=True,  # SQLite cannot ALTER much: it copies the table instead
)
context.run_migrations()
