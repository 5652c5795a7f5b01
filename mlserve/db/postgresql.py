"""The engine of PostgreSQL, whose connections never wait for ever."""

import math
import time
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event

# A statement may take so many times the timeout: one of the shipper's batches, or a page of a large log.
_STATEMENT_FACTOR = 2
# By so many seconds later the server must have said that it gave up; a server that can still speak is first.
_GRACE = 1.0

_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"


class NoAnswer(psycopg.OperationalError):
    """The server's process is stopped, or the network swallows what it says."""

    silent = True  # How the breaker knows it without this module, which needs the driver.


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself when the server is silent for `limit` seconds: libpq knows no such limit, least of all for a socket
    of this host, where TCP's own do nothing.
    """

    limit = math.inf

    def wait(self, gen: Any, *how: Any, **more: Any) -> Any:
        return super().wait(self._limited(gen), *how, **more)

    def _limited(self, gen: Any) -> Any:
        """The driver's generator, which it asks again every tenth of a second while nothing comes."""
        deadline = time.monotonic() + self.limit
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise NoAnswer(f"no answer within {self.limit:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value


def postgresql_engine(url: URL, timeout: float, *, bounded: bool, durable: bool) -> Engine:
    """`timeout` is in seconds; without `bounded`, a statement may take as long as it takes.

    With `durable`, a commit waits for the disk even where the server, the database or the user has
    `synchronous_commit = off`; what waits for more stays as it is.
    """
    milliseconds = math.ceil(timeout * 1000)
    options = f"-c timezone=UTC -c lock_timeout={milliseconds}"
    if bounded:
        options += f" -c statement_timeout={_STATEMENT_FACTOR * milliseconds}"
    seconds = max(2, math.ceil(timeout))
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": seconds,
            "options": options,
            # For connections over a network whose other end is gone.
            "tcp_user_timeout": 1000 * seconds,
            "keepalives_idle": seconds,
            "keepalives_interval": seconds,
            "keepalives_count": 2,
        },
        json_deserializer=_unchanged,
        hide_parameters=True,
        pool_timeout=timeout,
        pool_size=5,
        max_overflow=10,
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, settings: Any) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **settings)
        if bounded:
            connection.limit = _STATEMENT_FACTOR * timeout + _GRACE
        if durable:
            connection.execute(_DURABLE)
            connection.commit()
        return connection

    return engine


def _unchanged(text: bytes) -> bytes:
    """Leaves a JSON column's text to `JsonText`, which may want it as it is."""
    return text
