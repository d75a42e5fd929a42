"""Django's PostgreSQL backend, with the scope sent at every BEGIN.

Middleware cannot do this: it runs outside the transaction of ATOMIC_REQUESTS, and settings that
outlive a transaction would leak through pooled connections.
"""

from __future__ import annotations

from django.db import Error
from django.db.backends.postgresql import base

from centers.scope import begin


class DatabaseWrapper(base.DatabaseWrapper):
    """Sends the scope of `centers.scope` when a transaction begins; none means no rows."""

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc]
        if autocommit:
            return
        try:
            begin(self)
        except Error:
            # Django still believes that no transaction has begun: the next one gets another connection.
            self.close()
            raise
